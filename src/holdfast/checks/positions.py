"""Finds the line of a path in a template's text: asked only for what is reported, so reading stays cheap."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from holdfast.checks.yaml_reader import LocatedList, LocatedMap, YamlProblem, read_yaml

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
    """Lines of a JSON text: read with `yaml_reader` (JSON is YAML) the first time one is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text

    def line(self, path: Path) -> int:
        """Return the line; 1 where the text cannot be read a second time."""
        return self._located.line(path)

    @cached_property
    def _located(self) -> LocatedPositions:
        try:
            return LocatedPositions(read_yaml(self._text))
        except YamlProblem:
            return LocatedPositions(None)
