"""Builds plain values from YAML events in one pass, bounded in depth and size, with the line of every key.

CloudFormation's reading of YAML differs from a general loader's: short forms of intrinsics are tags, dates and
base-60 numbers are strings, a number with a leading zero (an account id) stays text, and a key may stand once.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from typing import Any

import yaml

MAX_DEPTH = 200
MAX_NODES = 2_000_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})?\.[0-9]{1,18}(?:[eE][-+]?[0-9]{1,2})?")
_INTRINSICS = frozenset(
    {"And", "Base64", "Cidr", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "FindInMap", "ForEach"}
    | {"GetAZs", "GetStackOutput", "If", "ImportValue", "Join", "Length", "Not", "Or", "RefAll", "Select", "Split"}
    | {"Sub", "ToJsonString", "Transform", "ValueOf", "ValueOfAll"}
)


class YamlProblem(Exception):
    """The text is no YAML a template can be; `line` is where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class LocatedMap(dict[str, Any]):
    """A mapping that knows the line of each of its keys."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


class LocatedList(list[Any]):
    """A list that knows the line of each of its items."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


def read_yaml(text: str) -> Any:
    """Return the only document in `text`.

    Raises:
        YamlProblem: not YAML, a key twice, an unknown tag, an alias that is not defined, or too deep or large.
    """
    try:
        return _Builder().build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlProblem(f"not YAML: {error.problem or error.context}", mark.line + 1 if mark else 1) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise YamlProblem(f"not YAML: {error.reason}", line) from error


class _Frame:
    """One open mapping or sequence."""

    __slots__ = ("anchor", "key", "line", "size", "tag", "value")

    def __init__(self, value: LocatedMap | LocatedList, tag: str | None, anchor: str | None, line: int) -> None:
        self.value = value
        self.tag = tag
        self.anchor = anchor
        self.line = line
        self.key: str | None = None
        self.size = 1


class _Builder:
    """Folds events into values with an explicit stack."""

    def __init__(self) -> None:
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._root: Any = None
        self._documents = 0
        self._total = 0

    def build(self, text: str) -> Any:
        """Return the value of the document; `read_yaml` says what it raises."""
        for event in yaml.parse(text, Loader=_LOADER):
            kind = type(event).__name__
            line = event.start_mark.line + 1 if event.start_mark else 1
            if kind == "ScalarEvent":
                self._scalar(event, line)
            elif kind == "MappingStartEvent":
                self._open(LocatedMap(), event, line)
            elif kind == "SequenceStartEvent":
                self._open(LocatedList(), event, line)
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                self._close()
            elif kind == "AliasEvent":
                self._alias(str(event.anchor), line)  # type: ignore[attr-defined]
            elif kind == "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise YamlProblem("more than one document in the file: a template is one", line)
        return self._root

    def _open(self, value: LocatedMap | LocatedList, event: Any, line: int) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise YamlProblem(f"nested deeper than {MAX_DEPTH} levels; flatten it", line)
        if self._awaits_key():
            raise YamlProblem("a key must be text, got a list or a mapping", line)
        self._stack.append(_Frame(value, event.tag, event.anchor, line))

    def _close(self) -> None:
        frame = self._stack.pop()
        self._place(_tagged(frame.tag, frame.value, frame.line), frame.anchor, frame.line, frame.size)

    def _scalar(self, event: Any, line: int) -> None:
        if self._awaits_key() and event.tag is None:
            self._key(event.value, line)
            return
        plain = event.implicit[0] if event.implicit else False
        value: Any = _resolve(event.value) if plain and event.tag is None else event.value
        self._place(_tagged(event.tag, value, line), event.anchor, line, 1)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchors:
            raise YamlProblem(f"alias *{anchor} has no anchor before it", line)
        value, size = self._anchors[anchor]
        self._place(value, None, line, size)

    def _awaits_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _key(self, key: str, line: int) -> None:
        frame = self._stack[-1]
        assert isinstance(frame.value, LocatedMap)
        if key in frame.value.lines:
            first = frame.value.lines[key]
            raise YamlProblem(f"{key!r} is written twice in one mapping, first on line {first}: drop one", line)
        frame.value.lines[key] = line
        frame.key = key

    def _place(self, value: Any, anchor: str | None, line: int, size: int) -> None:
        self._total += 1
        if anchor:
            self._anchors[anchor] = (value, size)
        if not self._stack:
            self._root = value
            return
        frame = self._stack[-1]
        frame.size += size
        if frame.size > MAX_NODES or self._total > MAX_NODES:
            raise YamlProblem(f"more than {MAX_NODES} values once aliases are expanded; split the template", line)
        if isinstance(frame.value, LocatedList):
            frame.value.append(value)
            frame.value.lines.append(line)
        elif frame.key is None:
            self._key_from_value(value, line)
        else:
            if frame.key == "<<":
                raise YamlProblem("CloudFormation does not merge mappings with <<; write the keys out", line)
            frame.value[frame.key] = value
            frame.key = None

    def _key_from_value(self, value: Any, line: int) -> None:
        if not isinstance(value, str):
            raise YamlProblem("a key must be text", line)
        self._key(value, line)


def _resolve(text: str) -> Any:
    if text in _NULLS:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _tagged(tag: str | None, value: Any, line: int) -> Any:
    if tag is None or tag == "!":
        return value
    if tag.startswith("tag:yaml.org,2002:"):
        return _standard_tag(tag.rsplit(":", 1)[1], value, line)
    name = tag.lstrip("!")
    if name == "Ref":
        return _wrap("Ref", value, line)
    if name == "Condition":
        return _wrap("Condition", value, line)
    if name == "GetAtt":
        return _wrap("Fn::GetAtt", value.split(".", 1) if isinstance(value, str) else value, line)
    if name.split("::")[0] in _INTRINSICS:
        return _wrap(f"Fn::{name}", value, line)
    raise YamlProblem(f"unknown tag {tag}: allowed are the short forms of CloudFormation's functions", line)


def _standard_tag(name: str, value: Any, line: int) -> Any:
    if name == "str":
        return value if isinstance(value, str) else str(value)
    if name in ("int", "float", "bool", "null") and isinstance(value, str):
        return _resolve(value)
    if name in ("map", "seq", "int", "float", "bool", "null"):
        return value
    raise YamlProblem(f"tag !!{name} is not allowed in a template", line)


def _wrap(function: str, value: Any, line: int) -> LocatedMap:
    wrapped = LocatedMap()
    wrapped[function] = value
    wrapped.lines[function] = line
    return wrapped
