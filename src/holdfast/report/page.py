"""One self-contained HTML page: no script, no external resource, light and dark, printable."""

from __future__ import annotations

from importlib import resources

from holdfast.report.markup import Child, Markup, el, raw

_LOGO = (
    '<svg class="logo" viewBox="0 0 32 32" aria-hidden="true"><path d="M16 3v15M16 18c0 6-9 4-9 10M16 18c0 6 9 4 9 10'
    'M16 18v11M16 11c-4 0-7-2-7-6M16 14c4 0 7-2 7-6"/></svg>'
)


def page(title: str, *content: Child) -> str:
    """Return a whole page; the same content gives the same page, byte for byte."""
    style = resources.files("holdfast.report").joinpath("templates/report.css").read_text(encoding="utf-8")
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        el("title", title),
        el("style", raw(style)),
    )
    return f"<!doctype html>\n{el('html', head, el('body', *content), lang='en')}\n"


def brand(subject: str) -> Markup:
    """Return the line above the title: whose page it is, and of what."""
    return el("p", raw(_LOGO), el("b", "Holdfast"), el("span", subject), class_="brand")
