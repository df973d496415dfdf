"""Reads YAML with the line of every key, and refuses what YAML would let pass in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from holdfast.errors import InvalidRequest


@dataclass(frozen=True)
class Document:
    """A parsed mapping and, for each key path in it, its line (the first is 1)."""

    name: str
    data: dict[str, Any]
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict)
    origins: dict[tuple[str | int, ...], str] = field(default_factory=dict)

    def place(self, path: Sequence[str | int]) -> str:
        """Return `file:line` of the deepest part of `path` that the file writes."""
        for length in range(len(path), 0, -1):
            part = tuple(path[:length])
            if part in self.origins:
                return self.origins[part]
            if part in self.lines:
                return f"{self.name}:{self.lines[part]}"
        return self.name

    def override(self, key: str, value: Any, *, origin: str) -> Document:
        """Return the document with one top-level key from elsewhere; errors about it name `origin`."""
        return Document(self.name, {**self.data, key: value}, self.lines, {**self.origins, (key,): origin})


def parse(text: str, name: str) -> Document:
    """Return the document.

    Raises:
        InvalidRequest: not YAML, not a mapping, or a key written twice; the line is named.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise InvalidRequest(f"{where}: not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise InvalidRequest(f"{name}: not YAML: {' '.join(str(error).split())}") from error
    if data is None:
        return Document(name, {})
    if not isinstance(data, dict) or not isinstance(root, yaml.MappingNode):
        raise InvalidRequest(f"{name}: must be a mapping of keys to values, got {type(data).__name__}")
    lines: dict[tuple[str | int, ...], int] = {}
    _walk(root, (), lines, name)
    return Document(name, data, lines)


def _walk(node: yaml.Node, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], name: str) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                raise InvalidRequest(
                    f"{name}:{line}: {key.value} is written twice, first on line {lines[here]}: drop one"
                )
            lines[here] = line
            _walk(value, here, lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            _walk(value, (*path, index), lines, name)
