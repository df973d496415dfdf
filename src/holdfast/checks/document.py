"""Reads one CloudFormation template, JSON or YAML, into plain values that remember their lines.

Bounds come first: nothing here is slower than linear in the size of the text, and nothing recurses on its depth.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.checks.positions import JsonPositions, LocatedPositions, Positions
from holdfast.checks.yaml_reader import MAX_DEPTH, YamlProblem, read_yaml
from holdfast.errors import InvalidRequest

MAX_BYTES = 16 * 1024 * 1024
SUFFIXES = (".json", ".yaml", ".yml", ".template")


class NotATemplate(InvalidRequest):
    """The file is well formed but is no CloudFormation template."""


@dataclass(frozen=True)
class Document:
    """A parsed template: `data` is the whole mapping, `positions` finds the line of a raw path."""

    path: str
    data: dict[str, Any]
    positions: Positions

    def line(self, path: tuple[str | int, ...]) -> int:
        """Return the line (the first is 1) of the deepest part of `path` that the text holds."""
        return self.positions.line(path)


def load(path: Path) -> Document:
    """Read the template in `path`.

    Raises:
        InvalidRequest: unreadable, too large, not UTF-8, or not JSON and not YAML; the line is named.
        NotATemplate: well formed, but without a mapping of `Resources`.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InvalidRequest(f"{path}: {size} bytes, at most {MAX_BYTES} are read; split the template")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"cannot read {path}: {error.strerror}") from error
    return parse(content, str(path))


def parse(content: bytes, name: str) -> Document:
    """Read a template from bytes; `name` stands in every message. Raises what `load` raises."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidRequest(f"{name}:{line}: not UTF-8 text at byte {error.start}; save it as UTF-8") from error
    if text.lstrip()[:1] == "{":
        data, positions = _read_json(text, name)
    else:
        data = _read_yaml(text, name)
        positions = LocatedPositions(data)
    _require_template(data, name)
    return Document(name, data, positions)


def _read_json(text: str, name: str) -> tuple[Any, Positions]:
    try:
        data = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except _Refused as refused:
        line = _line_of_duplicate(text, refused)
        raise InvalidRequest(f"{name}:{line}: {refused}") from refused
    except json.JSONDecodeError as error:
        data = _read_flow_yaml(text, name, error)
        return data, LocatedPositions(data)
    except RecursionError as error:
        raise InvalidRequest(f"{name}: nested deeper than {MAX_DEPTH} levels; flatten it") from error
    except ValueError as error:
        raise InvalidRequest(f"{name}: {error}") from error
    if _depth_exceeds(data, MAX_DEPTH):
        raise InvalidRequest(f"{name}: nested deeper than {MAX_DEPTH} levels; flatten it")
    return data, JsonPositions(text)


def _read_flow_yaml(text: str, name: str, error: json.JSONDecodeError) -> Any:
    """Read what begins like JSON but may be YAML's flow style; a file called .json must be JSON."""
    refusal = InvalidRequest(f"{name}:{error.lineno}: not JSON: {error.msg} at column {error.colno}")
    if name.endswith(".json"):
        raise refusal from error
    try:
        return read_yaml(text)
    except YamlProblem:
        raise refusal from error


def _read_yaml(text: str, name: str) -> Any:
    try:
        return read_yaml(text)
    except YamlProblem as problem:
        raise InvalidRequest(f"{name}:{problem.line}: {problem}") from problem


def _require_template(data: Any, name: str) -> None:
    if not isinstance(data, dict):
        kind = "nothing" if data is None else "a list" if isinstance(data, list) else f"{data!r:.40}"
        raise NotATemplate(f"{name}: no CloudFormation template: must be a mapping with Resources, got {kind}")
    resources = data.get("Resources")
    if not isinstance(resources, dict):
        raise NotATemplate(f"{name}: no CloudFormation template: Resources must be a mapping of logical ids")


class _Refused(ValueError):
    """Well-formed JSON that no template may hold."""

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Refused(f"{key!r} is written twice in one object: drop one", key)
            seen.add(key)
    return result


def _no_constant(constant: str) -> Any:
    raise _Refused(f"{constant} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _Refused(f"{digits[:20]} is out of range for a number")
    return number


def _line_of_duplicate(text: str, refused: _Refused) -> int:
    if refused.key is None:
        return 1
    try:
        read_yaml(text)
    except YamlProblem as problem:
        return problem.line
    return 1


def _depth_exceeds(data: Any, limit: int) -> bool:
    level = [data]
    for _ in range(limit):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(value for value in item.values() if isinstance(value, dict | list))
            elif isinstance(item, list):
                below.extend(value for value in item if isinstance(value, dict | list))
        if not below:
            return False
        level = below
    return True
