"""What a template's value can be once it is resolved as far as it can be.

Plain Python values (`str`, `int`, `float`, `bool`, `list`, `dict`, `None`) are concrete. Everything else is one of the
classes below. Conditions never reach a rule: every rule sees one scenario at a time (see `conditions`), in which each
`Fn::If` has taken its branch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = Any
"""A concrete Python value, or a `Reference`, `Pseudo`, `Text`, `Zones` or `Undecided`."""

PLAIN = frozenset({str, int, float, bool, type(None)})
"""The types of a concrete value with nothing inside it; asked for with `type(value) in PLAIN`, which is quick."""

MISSING: Any = object()
"""Stands where nothing gives a value: not even null."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """A value nobody can know from the template; `reason` says why. Never fine, never wrong: reported apart."""

    reason: str

    def __str__(self) -> str:
        return f"${{?{self.reason}}}"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a resource of the system answers: `Ref` when `attribute` is empty, else `Fn::GetAtt`."""

    template: str
    logical_id: str
    attribute: str = ""

    def __str__(self) -> str:
        return f"${{{self.logical_id}.{self.attribute}}}" if self.attribute else f"${{{self.logical_id}}}"


@dataclass(frozen=True, slots=True)
class Pseudo:
    """`AWS::Region` and its like, or zone N of the region: known to exist, its text depends on the deployment."""

    name: str

    def __str__(self) -> str:
        return f"${{{self.name}}}"


@dataclass(frozen=True, slots=True)
class Text:
    """A string of literal pieces and pieces of the classes above, in order. `str()` writes these as `${...}`."""

    parts: tuple[str | Reference | Pseudo | Undecided, ...]

    def __str__(self) -> str:
        return "".join(str(part) for part in self.parts)


class Zones:
    """The zones of a region (`Fn::GetAZs`): how many is unknown, the n-th is a value of its own."""

    def __init__(self, region: str) -> None:
        self.region = region

    def __getitem__(self, index: int) -> Pseudo:
        return Pseudo(f"AZ:{self.region}:{index}")


def is_undecided(value: Value) -> bool:
    """True when any part of `value`, at any depth, cannot be known. A reference or a pseudo parameter is known."""
    if isinstance(value, Undecided):
        return True
    if isinstance(value, Text):
        return any(isinstance(part, Undecided) for part in value.parts)
    if isinstance(value, dict):
        return any(is_undecided(item) for item in value.values())
    if isinstance(value, list):
        return any(is_undecided(item) for item in value)
    return False


def join(pieces: list[Value]) -> Value:
    """Concatenate: a `str` when every piece is literal, else a `Text`; a piece that is no text makes it undecided."""
    parts: list[str | Reference | Pseudo | Undecided] = []
    for piece in pieces:
        for part in _parts(piece):
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            elif part != "":
                parts.append(part)
    if not parts:
        return ""
    if len(parts) == 1:
        return parts[0]
    return Text(tuple(parts))


def _parts(piece: Value) -> tuple[str | Reference | Pseudo | Undecided, ...]:
    if isinstance(piece, Text):
        return piece.parts
    if isinstance(piece, str | Reference | Pseudo | Undecided):
        return (piece,)
    if isinstance(piece, bool):
        return ("true" if piece else "false",)
    if isinstance(piece, int | float):
        return (str(piece),)
    return (Undecided("a list or a map where text is expected"),)


def as_text(value: Value) -> str | None:
    """Return `value` as text, its unknown pieces written `${...}`; None when it is no text (a list, a map, null)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Reference | Pseudo | Text | Undecided):
        return str(value)
    return None


def as_bool(value: Value, default: bool = False) -> bool | Undecided:
    """Read a CloudFormation boolean (`true`, "true", "false", 1, 0); an absent one is `default`."""
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, int | float):
        return bool(value)
    return value if isinstance(value, Undecided) else Undecided("not a boolean that can be read")


def as_number(value: Value, default: float | None = None) -> float | Undecided | None:
    """Read a number, also one written as a string; None (or `default`) when absent."""
    if value is None:
        return default
    if isinstance(value, bool):
        return Undecided("not a number")
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
        try:
            return float(value)
        except ValueError:
            return Undecided(f"not a number: {value}")
    return value if isinstance(value, Undecided) else Undecided("a number that is computed at deployment")


def as_list(value: Value) -> list[Value]:
    """Return a list as it is, nothing as an empty list, and anything else as its only element (IAM's habit)."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def references(value: Value) -> Iterator[Reference]:
    """Yield every reference inside `value`, in order, duplicates too."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, Text):
        for part in value.parts:
            if isinstance(part, Reference):
                yield part
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)
