"""Durations and shares on the command line, written as in the settings file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    Base = click.ParamType[Any]
else:
    Base = click.ParamType  # not generic before click 8.5


class Quantity(Base):
    """A value that a function reads out of text; its ValueError says what is allowed."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what the text means, or fail with one line."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(f"must be {error}, got {value!r}", param, ctx)
