"""Whatever a template holds, reading it ends in a template or one line, and no rule raises."""

from __future__ import annotations

import copy
import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.checks.demands import Demands
from holdfast.checks.document import parse
from holdfast.checks.engine import check_sources
from holdfast.checks.graph.source import Source
from holdfast.checks.registry import built_in
from holdfast.checks.yaml_reader import LocatedList, LocatedMap
from holdfast.errors import InvalidRequest

TODAY = date(2026, 11, 21)
FIXTURES = Path(__file__).parent.parent / "rules"
EVERYTHING = Demands(
    required_tags=("Environment",),
    environment_suffix=True,
    backup_days=7,
    log_days=30,
    zones=3,
    customer_keys=True,
    alarm_recipients=2,
    destroyable=False,
    region="us-east-1",
    rpo=timedelta(hours=24),
    rto=timedelta(hours=2),
    retention=timedelta(days=60),
    failover=timedelta(seconds=60),
    availability=0.999,
    users=1000,
)

GARBAGE: list[Any] = [
    None,
    "",
    "text",
    "*",
    "arn:aws:s3:::b/*",
    -1,
    0.5,
    True,
    [],
    [None],
    [[]],
    {},
    {"Ref": "Absent"},
    {"Ref": 7},
    {"Ref": "AWS::NoValue"},
    {"Ref": "AWS::Region"},
    {"Fn::Sub": 3},
    {"Fn::Sub": "${"},
    {"Fn::GetAtt": "X"},
    {"Fn::GetAtt": [1, 2]},
    {"Fn::If": ["C", 1]},
    {"Fn::If": ["Absent", "a", ["b"]]},
    {"Fn::Join": ["", {"Ref": "Absent"}]},
    {"Fn::Select": [9, ["a"]]},
    {"Fn::Split": ["", "a"]},
    {"Fn::FindInMap": ["A", "B", "C"]},
    {"Fn::ImportValue": {"Fn::Sub": "${X}-y"}},
    {"Fn::GetAZs": ""},
    {"Fn::Transform": {"Name": "M"}},
    [{"Fn::If": ["C", {"Ref": "AWS::NoValue"}, "x"]}],
]


@cache
def fixtures() -> list[dict[str, Any]]:
    """Return the rules' own templates: each is near to something that a rule cares about."""
    paths = sorted(path for path in FIXTURES.rglob("*.yaml") if path.name != "settings.yaml")
    return [_plain(parse(path.read_bytes(), str(path)).data) for path in paths]


def _plain(value: Any) -> Any:
    if isinstance(value, LocatedMap | dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, LocatedList | list) else value


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value below the resources."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, item in items:
        found.append((*path, key))
        found += places(item, (*path, key))
    return found


def put(template: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    """Replace the value at `path`, unless an earlier replacement took the path away."""
    here: Any = template
    for part in path[:-1]:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(here, dict) or (isinstance(here, list) and isinstance(path[-1], int) and path[-1] < len(here)):
        here[path[-1]] = value


def refused(content: bytes, name: str) -> str | None:
    """Return the line with which a text is refused; None when it is a template. Anything else raised rises."""
    try:
        parse(content, name)
    except InvalidRequest as error:
        return str(error)
    return None


def check(template: dict[str, Any]) -> None:
    """Run every rule with every demand."""
    source = Source(parse(json.dumps(template).encode(), "t.json"), stack="t")
    check_sources([source], built_in(), EVERYTHING, TODAY)


@settings(max_examples=400)
@given(data=st.data())
def test_no_rule_raises_on_a_template_with_garbage_in_it(data: st.DataObject) -> None:
    template = copy.deepcopy(data.draw(st.sampled_from(fixtures())))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(template)))
        if path != ("Resources",):
            put(template, path, copy.deepcopy(data.draw(st.sampled_from(GARBAGE))))
    if isinstance(template.get("Resources"), dict):
        check(template)


def verdicts(template: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Return what is found where, without lines and words."""
    source = Source(parse(json.dumps(template).encode(), "t.json"), stack="t")
    report = check_sources([source], built_in(), EVERYTHING, TODAY)
    return {(finding.rule, finding.logical_id, finding.outcome.value) for finding in report.findings}


@settings(max_examples=300)
@given(data=st.data())
def test_choice_between_two_equal_values_changes_no_verdict(data: st.DataObject) -> None:
    template = data.draw(st.sampled_from(fixtures()))
    inside = [path for path in places(template) if path[0] == "Resources" and "Properties" in path[:-1]]
    inside = [path for path in inside if not any(str(part).startswith(("Fn::", "Ref")) for part in path)]
    if not inside or "Transform" in template:
        return
    path = data.draw(st.sampled_from(inside))
    rewritten = copy.deepcopy(template)
    rewritten.setdefault("Parameters", {})["Either"] = {"Type": "String", "Default": "a"}
    rewritten.setdefault("Conditions", {})["EitherIsA"] = {"Fn::Equals": [{"Ref": "Either"}, "a"]}
    value: Any = rewritten
    for part in path:
        value = value[part]
    put(rewritten, path, {"Fn::If": ["EitherIsA", value, copy.deepcopy(value)]})
    assert verdicts(rewritten) == verdicts(template)


@settings(max_examples=150)
@given(first=st.data())
def test_no_rule_raises_on_two_templates_grown_together(first: st.DataObject) -> None:
    one, two = (copy.deepcopy(first.draw(st.sampled_from(fixtures()))) for _ in range(2))
    for section in ("Resources", "Parameters", "Conditions", "Outputs"):
        if isinstance(two.get(section), dict):
            one.setdefault(section, {}).update(two[section])
    check(one)


@settings(max_examples=300)
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
@example(content=b"Resources: !!binary x")
@example(content=b'{"Resources": {"A": {"Type": "\\ud800"}}}')
@example(content=b"? |\n  a\n: b")
def test_any_bytes_are_a_template_or_one_line(content: bytes) -> None:
    for name in ("t.yaml", "t.json"):
        refusal = refused(content, name)
        assert refusal is None or (refusal.startswith(name) and "\n" not in refusal)


PIECES = [
    "Resources",
    ":",
    " ",
    "\n",
    "  ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "!Ref",
    "!Sub",
    '"',
    "'",
    "&a",
    "*a",
    "|",
    "A",
]


@settings(max_examples=300)
@given(text=st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_yaml_like_text_is_a_template_or_one_line(text: str) -> None:
    refusal = refused(text.encode(), "t.yaml")
    assert refusal is None or "\n" not in refusal


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text("abc ${}:!", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcRef:", max_size=6), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200)
@given(value=json_values)
def test_json_and_yaml_give_the_same_values(value: object) -> None:
    text = json.dumps({"Resources": {"A": {"Type": "X", "Properties": {"V": value}}}}, indent=1)
    as_json, as_yaml = parse(text.encode(), "t.json").data, parse(text.encode(), "t.yaml").data
    assert _plain(as_json) == _plain(as_yaml)
