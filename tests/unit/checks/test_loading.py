"""Templates are read exactly, or refused with one line that says where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.checks.document import MAX_BYTES, NotATemplate, load, parse
from holdfast.errors import InvalidRequest

MINIMAL = "Resources: {T: {Type: AWS::SNS::Topic}}\n"


def refusal(text: str, name: str = "t.yaml") -> str:
    with pytest.raises(InvalidRequest) as caught:
        parse(text.encode(), name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_short_forms_become_the_long_functions() -> None:
    text = """
    Resources:
      T:
        Type: AWS::SNS::Topic
        Properties:
          A: !Ref X
          B: !GetAtt Queue.Arn
          C: !Sub "${X}"
          D: !If [IsProd, 1, 2]
          E: !GetAtt [Queue, Arn]
    """
    properties = parse(text.encode(), "t.yaml").data["Resources"]["T"]["Properties"]
    assert properties == {
        "A": {"Ref": "X"},
        "B": {"Fn::GetAtt": ["Queue", "Arn"]},
        "C": {"Fn::Sub": "${X}"},
        "D": {"Fn::If": ["IsProd", 1, 2]},
        "E": {"Fn::GetAtt": ["Queue", "Arn"]},
    }


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2012-10-17", "2012-10-17"),
        ("012345678901", "012345678901"),
        ("12:30", "12:30"),
        ("yes", True),
        ("off", False),
        ("0.5", 0.5),
        ("7", 7),
        ("~", None),
        ("'7'", "7"),
        ("!!str 7", "7"),
    ],
)
def test_plain_scalars_are_what_cloudformation_takes_them_for(written: str, value: object) -> None:
    found = parse(f"{MINIMAL}Metadata: {{V: {written}}}".encode(), "t.yaml").data["Metadata"]["V"]
    assert (found, type(found)) == (value, type(value))


def test_crlf_and_byte_order_mark_change_nothing() -> None:
    plain = parse(MINIMAL.encode(), "t.yaml").data
    assert parse(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode(), "t.yaml").data == plain
    text = json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}, indent=1)
    assert parse(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), "t.json").data == plain


def test_key_written_twice_in_yaml_is_refused_with_both_lines() -> None:
    assert refusal("Resources:\n  A: {Type: x}\n  A: {Type: y}\n") == (
        "t.yaml:3: 'A' is written twice in one mapping, first on line 2: drop one"
    )


def test_key_written_twice_in_json_is_refused_with_its_line() -> None:
    text = '{"Resources": {\n "A": {"Type": "x"},\n "A": {"Type": "y"}}}'
    assert refusal(text, "t.json") == "t.json:3: 'A' is written twice in one object: drop one"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Resources:\n  A: [1, 2\n  B: 3\n", 3),
        ("Resources:\n\tA: 1\n", 2),
        ("Resources:\n  A: !Rain::Embed x\n", 2),
        ("Resources:\n  A: *nowhere\n", 2),
        ("Resources: {}\n---\nResources: {}\n", 2),
        ("Resources:\n  A: {<<: {Type: x}}\n", 2),
        ("Resources:\n  ? [a]\n  : 1\n", 2),
        ("Resources:\n  A: \x00\n", 2),
    ],
)
def test_broken_text_is_refused_with_the_line(text: str, line: int) -> None:
    assert refusal(text).startswith(f"t.yaml:{line}: ")


def test_broken_json_keeps_its_own_message_in_a_json_file() -> None:
    assert refusal('{"Resources": {\n"A": }}', "t.json") == "t.json:2: not JSON: Expecting value at column 6"
    assert parse(b"{Resources: {A: {Type: x}}}", "t.yaml").data == {"Resources": {"A": {"Type": "x"}}}


def test_deep_nesting_is_refused_in_both_languages() -> None:
    deep = "[" * 5000 + "]" * 5000
    assert "nested deeper than 200 levels" in refusal(f"Resources: {deep}")
    assert "nested deeper than 200 levels" in refusal(f'{{"Resources": {deep}}}', "t.json")


def test_aliases_that_grow_without_bound_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "values once aliases are expanded" in refusal("\n".join(lines))


def test_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InvalidRequest, match=f"{MAX_BYTES + 1} bytes"):
        load(path)


@pytest.mark.parametrize("text", ["", "just text", "[1, 2]", "Resources: [1]", "{}", "Parameters: {}"])
def test_text_without_resources_is_no_template(text: str) -> None:
    with pytest.raises(NotATemplate):
        parse(text.encode(), "t.yaml")


def test_json_numbers_out_of_range_and_constants_are_refused() -> None:
    assert "NaN is no JSON number" in refusal('{"Resources": {}, "x": NaN}', "t.json")
    assert "out of range" in refusal('{"Resources": {}, "x": 1e999}', "t.json")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot read"):
        load(tmp_path / "absent.yaml")


def test_text_that_is_not_utf8_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidRequest, match=r"t.yaml:2: not UTF-8"):
        parse(b"Resources:\n  \xff", "t.yaml")


@pytest.mark.parametrize("name", ["t.json", "t.yaml"])
def test_line_of_a_path_is_found_in_both_languages(name: str) -> None:
    data = {"Resources": {"A": {"Type": "x"}, "B": {"Type": "y", "Properties": {"Tags": [{"Key": "k"}]}}}}
    text = json.dumps(data, indent=2)
    lines = text.splitlines()
    document = parse(text.encode(), name)
    line = document.line(("Resources", "B", "Properties", "Tags", 0, "Key"))
    assert '"Key"' in lines[line - 1]
    assert document.line(("Resources", "B", "Properties", "Absent")) == document.line(("Resources", "B", "Properties"))
    assert document.line(()) == 1
