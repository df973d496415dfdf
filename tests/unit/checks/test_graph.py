"""Values are resolved as far as a template allows, in each scenario, across templates."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from holdfast.checks.conditions import MAX_SCENARIOS
from holdfast.checks.demands import Demands
from holdfast.checks.document import parse
from holdfast.checks.graph.source import Source
from holdfast.checks.graph.system import System, systems
from holdfast.checks.values import Pseudo, Reference, Text, Undecided, as_text, is_undecided

TODAY = date(2026, 11, 21)


def source(text: str, name: str = "t.yaml", region: str | None = None) -> Source:
    return Source(parse(text.encode(), name), stack=Path(name).stem, region=region)


def all_systems(*texts: str, **regions: str) -> list[System]:
    found = [source(text, f"t{index}.yaml", regions.get(f"t{index}")) for index, text in enumerate(texts)]
    return list(systems(found, Demands(), TODAY))


def value(written: str, parameters: str = "{}") -> Any:
    resources = f"  Q: {{Type: AWS::SQS::Queue}}\n  R: {{Type: X, Properties: {{V: {written}}}}}"
    text = f"Parameters: {parameters}\nResources:\n{resources}"
    (system,) = all_systems(text)
    return system.templates[0].resources["R"].get("V")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("!Ref Q", Reference("t0.yaml", "Q")),
        ("!GetAtt Q.Arn", Reference("t0.yaml", "Q", "Arn")),
        ("!Ref AWS::Region", Pseudo("AWS::Region")),
        ("!Ref AWS::NoValue", None),
        ('!Sub "a-${P}"', "a-dev"),
        ('!Sub ["${A}-${B}", {A: x, B: !Ref P}]', "x-dev"),
        ('!Sub "${!P}"', "${P}"),
        ('!Join ["-", [a, !Ref P]]', "a-dev"),
        ('!Select [1, !Split [",", "a,b"]]', "b"),
        ('!Select ["0", [x]]', "x"),
        ("!FindInMap [M, a, b]", Undecided("M is not in the mapping")),
        ("!Ref N", 7),
        ("!Ref L", ["a", "b"]),
        ("!Ref Unset", Undecided("parameter Unset has no default")),
        ("!Ref Stored", Undecided("parameter Stored is read from Parameter Store at deployment")),
        ("{Fn::Length: [1, 2]}", 2),
        ("{Fn::Cidr: [a, 1, 2]}", Undecided("Fn::Cidr is computed at deployment")),
        ("!Base64 abc", "abc"),
    ],
)
def test_function_resolves_to(written: str, expected: object) -> None:
    parameters = (
        "{P: {Type: String, Default: dev}, N: {Type: Number, Default: '7'}, Unset: {Type: String},"
        " L: {Type: CommaDelimitedList, Default: 'a, b'},"
        " Stored: {Type: 'AWS::SSM::Parameter::Value<String>', Default: x}}"
    )
    assert value(written, parameters) == expected


def test_text_keeps_the_pieces_it_cannot_know() -> None:
    found = value('!Sub "arn:${AWS::Partition}:s3:::${Q.Arn}/*"')
    assert isinstance(found, Text)
    assert as_text(found) == "arn:${AWS::Partition}:s3:::${Q.Arn}/*"
    assert not is_undecided(found)


def test_zones_of_a_region_differ_by_their_number() -> None:
    first, second = value('!Select [0, !GetAZs ""]'), value('!Select [1, !GetAZs ""]')
    assert first != second
    assert first == value('!Select [0, !GetAZs ""]')


def test_each_scenario_is_a_consistent_set_of_answers() -> None:
    text = """
    Parameters: {Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}}
    Conditions:
      IsProd: !Equals [!Ref Stage, prod]
      IsDev: !Not [!Condition IsProd]
    Resources:
      A: {Type: X, Condition: IsProd}
      B: {Type: X, Condition: IsDev, Properties: {V: !If [IsProd, 1, 2], Stage: !Ref Stage}}
    """
    found = [(sorted(s.templates[0].resources), s.scenario.label("t0.yaml")) for s in all_systems(text)]
    assert found == [(["B"], "the parameters have their defaults"), (["A"], "IsProd=true, IsDev=false")]
    assert all_systems(text)[0].templates[0].resources["B"].get("V") == 2


def test_condition_on_free_text_is_tried_both_ways_and_the_other_value_is_undecided() -> None:
    text = """
    Parameters: {Email: {Type: String, Default: ""}}
    Conditions: {HasEmail: !Not [!Equals [!Ref Email, ""]]}
    Resources: {A: {Type: X, Properties: {V: !Ref Email, W: !If [HasEmail, 1, 2]}}}
    """
    first, second = (s.templates[0].resources["A"] for s in all_systems(text))
    assert (first.get("V"), first.get("W")) == ("", 2)
    assert (second.get("V"), second.get("W")) == (Undecided("parameter Email may be anything"), 1)


def test_many_conditions_give_a_bounded_number_of_scenarios_that_answers_each_both_ways() -> None:
    names = [f"C{n}" for n in range(14)]
    parameters = "\n".join(f"  P{n}: {{Type: String, Default: 'no'}}" for n in names)
    conditions = "\n".join(f"  {n}: !Equals [!Ref P{n}, 'yes']" for n in names)
    resources = "\n".join(f"  R{n}: {{Type: X, Condition: {n}}}" for n in names)
    found = all_systems(f"Parameters:\n{parameters}\nConditions:\n{conditions}\nResources:\n{resources}\n")
    assert len(found) <= MAX_SCENARIOS + len(names)
    seen = {(name, answer) for s in found for name, answer in s.scenario.conditions["t0.yaml"].items()}
    assert seen == {(name, answer) for name in names for answer in (True, False)}


def test_condition_cycle_is_undecided_and_ends() -> None:
    text = """
    Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}
    Resources: {R: {Type: X, Condition: A, Properties: {V: !If [A, 1, 2]}}}
    """
    (system,) = all_systems(text)
    assert isinstance(system.templates[0].resources["R"].get("V"), Undecided)


def test_import_resolves_to_what_another_template_exports() -> None:
    producer = """
    Resources: {Topic: {Type: AWS::SNS::Topic}}
    Outputs: {O: {Value: !Ref Topic, Export: {Name: !Sub "${AWS::StackName}-T"}}}
    """
    consumer = "Resources: {A: {Type: X, Properties: {V: !ImportValue t0-T}}}"
    system = all_systems(producer, consumer)[0]
    resource = system.templates[1].resources["A"]
    assert resource.get("V") == Reference("t0.yaml", "Topic")
    topic = system.templates[0].resources["Topic"]
    assert [other for other, _, _ in topic.referrers] == [resource]


def test_import_of_what_nobody_exports_is_undecided_by_name() -> None:
    (system,) = all_systems("Resources: {A: {Type: X, Properties: {V: !ImportValue other}}}")
    assert system.templates[0].resources["A"].get("V") == Undecided(
        "import of other: no template of the system exports it"
    )


def test_template_does_not_import_its_own_export() -> None:
    text = """
        Parameters: {Other: {Type: String, Default: elsewhere}}
        Resources:
          Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: {"Fn::ImportValue": !Sub "${Other}-Name"}}}
        Outputs: {Name: {Value: mine, Export: {Name: !Sub "${AWS::StackName}-Name"}}}
    """
    found = all_systems(text)[0].resources("AWS::SNS::Topic")[0].get("TopicName")
    assert isinstance(found, Undecided)


def test_exports_that_import_each_other_end_undecided() -> None:
    one = "Resources: {A: {Type: X}}\nOutputs: {O: {Value: !ImportValue two, Export: {Name: one}}}"
    two = """
    Resources: {B: {Type: X, Properties: {V: !ImportValue one}}}
    Outputs: {O: {Value: !ImportValue one, Export: {Name: two}}}
    """
    system = all_systems(one, two)[0]
    assert is_undecided(system.templates[1].resources["B"].get("V"))


def test_nested_stack_gets_parameters_and_gives_outputs() -> None:
    parent = """
    Resources:
      Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: ./t1.yaml, Parameters: {Name: data}}}
      A: {Type: X, Properties: {V: !GetAtt Child.Outputs.Queue}}
    """
    child = """
    Parameters: {Name: {Type: String}}
    Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Name}}}
    Outputs: {Queue: {Value: !GetAtt Q.Arn}}
    """
    system = all_systems(parent, child)[0]
    assert system.templates[0].resources["A"].get("V") == Reference("t1.yaml", "Q", "Arn")
    assert system.templates[1].resources["Q"].get("QueueName") == "data"


@pytest.mark.parametrize(
    "named",
    [
        "!Ref Bucket",
        "!GetAtt Bucket.Arn",
        '!Sub "${Bucket.Arn}/*"',
        '!Sub "arn:${AWS::Partition}:s3:::data-${AWS::AccountId}"',
        '!Sub "arn:aws:s3:::data-${AWS::AccountId}/prefix/*"',
        '!Sub "data-${AWS::AccountId}"',
    ],
)
def test_resource_is_found_under_each_of_its_names(named: str) -> None:
    text = f"""
    Resources:
      Bucket: {{Type: AWS::S3::Bucket, Properties: {{BucketName: !Sub "data-${{AWS::AccountId}}"}}}}
      A: {{Type: X, Properties: {{V: {named}}}}}
    """
    (system,) = all_systems(text)
    resources = system.templates[0].resources
    assert system.find(resources["A"].get("V"), "AWS::S3::Bucket") is resources["Bucket"]


def test_language_extension_loops_are_undecided_not_a_crash() -> None:
    text = """
    Transform: AWS::LanguageExtensions
    Resources:
      Fn::ForEach::Topics: [Name, [a, b], {"Topic${Name}": {Type: AWS::SNS::Topic}}]
      A: {Type: X, Properties: {Fn::Transform: {Name: AWS::Include}}}
    """
    (system,) = all_systems(text)
    assert list(system.templates[0].resources) == ["A"]
    assert system.templates[0].resources["A"].properties == {}
