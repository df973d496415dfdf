"""Finds the line of a path in a template's text: asked only for what is reported, so reading stays cheap."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from holdfast.checks.yaml_reader import LocatedList, LocatedMap

Path = tuple[str | int, ...]


class Positions(Protocol):
    """Where things stand in one text."""

    def line(self, path: Path) -> int:
        """Return the line (the first is 1) of the deepest part of `path` that the text holds."""


class LocatedPositions:
    """Reads the lines that `yaml_reader` left on the values themselves."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def line(self, path: Path) -> int:
        """Walk down as far as the values go."""
        here, line = self._data, 1
        for part in path:
            if isinstance(here, LocatedMap) and part in here:
                line = here.lines.get(str(part), line)
                here = here[str(part)]
            elif isinstance(here, LocatedList) and isinstance(part, int) and part < len(here):
                line = here.lines[part]
                here = here[part]
            else:
                break
        return line


class JsonPositions:
    """Lines of a JSON text that is known to be well formed; only what lies on the way to a path is looked at."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._children: dict[int, dict[str | int, tuple[int, int]]] = {}

    def line(self, path: Path) -> int:
        """Walk down as far as the values go; a member of an object stands where its key does."""
        place = here = _skip(self._text, 0)
        for part in path:
            children = self._children_at(here)
            if part not in children:
                break
            place, here = children[part]
        return self._text.count("\n", 0, place) + 1

    def _children_at(self, start: int) -> dict[str | int, tuple[int, int]]:
        """Return, for the container at `start`, key or index to where it stands and where its value begins."""
        if start not in self._children:
            opening = self._text[start]
            read = {"{": _members, "[": _items}.get(opening)
            self._children[start] = dict(read(self._text, start + 1)) if read else {}
        return self._children[start]


_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _members(text: str, at: int) -> Iterator[tuple[str | int, tuple[int, int]]]:
    at = _skip(text, at)
    while text[at] == '"':
        key, end = _decode(text, at)
        value = _skip(text, _skip(text, end) + 1)
        yield key, (at, value)
        at = _skip(text, _decode(text, value)[1])
        if text[at] != ",":
            return
        at = _skip(text, at + 1)


def _items(text: str, at: int) -> Iterator[tuple[str | int, tuple[int, int]]]:
    at = _skip(text, at)
    index = 0
    while text[at] != "]":
        yield index, (at, at)
        at = _skip(text, _decode(text, at)[1])
        if text[at] == ",":
            at = _skip(text, at + 1)
        index += 1
