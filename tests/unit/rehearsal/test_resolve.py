from __future__ import annotations

from typing import Any

import pytest

from holdfast.rehearsal.resolve import Resolver, Unresolvable

RESOLVER = Resolver(
    pseudo={"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"},
    parameters={"Stage": "dev"},
    resources={"Queue": "https://queue"},
    attributes={"Queue": {"Arn": "arn:queue"}},
    zones=("us-east-1a", "us-east-1b"),
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("plain", "plain"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "Queue"}, "https://queue"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:queue"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}, "a-dev"),
        ({"Fn::Sub": "${Stage}:${Queue.Arn}:${!Kept}"}, "dev:arn:queue:${Kept}"),
        ({"Fn::Sub": ["${Mine}", {"Mine": {"Ref": "Stage"}}]}, "dev"),
        ({"Fn::Select": [1, {"Fn::GetAZs": ""}]}, "us-east-1b"),
        ({"Fn::Select": ["0", {"Fn::Split": [":", "a:b"]}]}, "a"),
        ({"Ref": "Stage", "Other": 1}, {"Ref": "Stage", "Other": 1}),
        ({"Kept": [{"Ref": "AWS::NoValue"}, 1], "Gone": {"Ref": "AWS::NoValue"}}, {"Kept": [1]}),
    ],
)
def test_an_expression_has_the_value_cloudformation_gave_it(expression: Any, value: Any) -> None:
    assert RESOLVER.value(expression) == value


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ({"Ref": "Nobody"}, "Ref Nobody is unknown"),
        ({"Fn::GetAtt": ["Queue", "Colour"]}, "Queue told no Colour"),
        ({"Fn::ImportValue": "x"}, "no stack exports x"),
    ],
)
def test_what_cannot_be_told_from_outside_is_never_guessed(expression: Any, why: str) -> None:
    with pytest.raises(Unresolvable, match=why):
        RESOLVER.value({"Deep": [expression]})


CONDITIONAL = Resolver(
    pseudo={"AWS::Region": "us-east-1"},
    parameters={"Environment": "prod"},
    resources={},
    attributes={},
    mappings={"Sizes": {"prod": {"count": 3}}},
    conditions={
        "IsProd": {"Fn::Equals": [{"Ref": "Environment"}, "prod"]},
        "IsTest": {"Fn::Not": [{"Condition": "IsProd"}]},
        "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsTest"}]},
        "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsTest"}]},
    },
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Fn::If": ["IsProd", True, False]}, True),
        ({"Fn::If": ["IsTest", 1, {"Fn::If": ["Both", 2, 3]}]}, 3),
        ([{"Fn::If": ["Either", {"Ref": "AWS::NoValue"}, "x"]}], []),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Environment"}, "count"]}, 3),
    ],
)
def test_conditions_and_mappings_of_the_template_decide(expression: Any, value: Any) -> None:
    assert CONDITIONAL.value(expression) == value


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ({"Fn::If": ["Nobody", 1, 2]}, "condition Nobody is unknown"),
        ({"Fn::FindInMap": ["Sizes", "dev", "count"]}, "mapping Sizes has no dev.count"),
    ],
)
def test_an_unknown_condition_or_mapping_is_never_guessed(expression: Any, why: str) -> None:
    with pytest.raises(Unresolvable, match=why):
        CONDITIONAL.value(expression)
