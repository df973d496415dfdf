"""What every part of the page is built of: a named section, and the icon of a verdict."""

from __future__ import annotations

from holdfast.report.markup import Child, Markup, el, raw

ICONS = {
    "yes": '<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="M4 10.5l4 4 8-9"/></svg>',
    "no": '<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="M5 5l10 10M15 5L5 15"/></svg>',
    "open": '<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="M4 10h12"/></svg>',
}
"""Verdict -> drawing; always beside the word it stands for."""


def section(id_: str, title: str, says: str, *children: Child) -> Markup:
    """Return a section that assistive technology finds by its title."""
    return el(
        "section", el("h2", title, id=f"{id_}-title"), el("p", says, class_="says") if says else None, *children,
        id=id_, aria_labelledby=f"{id_}-title",
    )  # fmt: skip


def icon(passed: bool) -> Markup:
    """Return the drawing of a yes or a no."""
    return raw(ICONS["yes" if passed else "no"])
