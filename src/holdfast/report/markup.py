"""HTML and SVG built from values: every text is escaped unless it was built here."""

from __future__ import annotations

import html
from collections.abc import Iterable

_VOID = {"meta", "br", "hr", "img"}


class Markup(str):
    """Text that is markup already. Only `el`, `many` and `raw` make it."""

    __slots__ = ()


Child = str | Iterable["Child"] | None


def escape(text: str) -> Markup:
    """Return text safe in content and in quoted attributes; control characters are made visible."""
    visible = "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)
    return Markup(html.escape(visible, quote=True))


def many(*children: Child) -> Markup:
    """Return the children joined; None is nothing, plain text is escaped."""
    return Markup("".join(_render(child) for child in children))


def raw(text: str) -> Markup:
    """Return our own literal markup or style sheet. Never call it with a value from a report."""
    return Markup(text)


def el(tag: str, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """Return one element. `class_` is `class`, other underscores are hyphens; None and False leave an attribute out."""
    written = "".join(
        _attribute(name, value) for name, value in attributes.items() if value is not None and value is not False
    )
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{many(*children)}</{tag}>")


def _attribute(name: str, value: str | float | bool) -> str:
    name = name.rstrip("_").replace("_", "-") if name != "viewBox" else name
    if value is True:
        return f" {name}"
    return f' {name}="{escape(f"{value:g}" if isinstance(value, float) else str(value))}"'


def _render(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(child)
    return "".join(_render(one) for one in child)
