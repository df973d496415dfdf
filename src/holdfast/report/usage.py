"""Who uses what of a repository, and what deduplication saved: drawings, the same in words, and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.report import charts
from holdfast.report.markup import Markup, el
from holdfast.report.model import Growth, Usage, Use
from holdfast.report.page import brand, page
from holdfast.report.plots import WIDE, at_widths, figure, legend
from holdfast.report.section import section
from holdfast.report.units import bytes_text, count_text, plural, ratio_text, seconds_text

DRAWN = 8
"""So many groups have a bar; the others share one."""
TABLED = 24
"""The table of growth has so many rows at most."""
TIMES = ((2 * 86_400.0, 86_400.0, "days"), (2 * 3600.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "s"))
SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes"))


def usage_page(usage: Usage, *, repository: str, time: str, holdfast: str) -> str:
    """Return a page about one repository at a time."""
    total = usage.total
    lead = f"{plural(total.snapshots, 'snapshot')} of {plural(usage.groups, usage.by)} at {time}."
    if usage.by == "snapshot":
        lead = f"{plural(total.snapshots, 'snapshot')} at {time}."
    return page(
        f"Usage of {repository}",
        el(
            "header",
            brand(f"usage of {repository}"),
            el("div", el("h1", el("span", _headline(total))), class_="verdict"),
            el("p", lead, class_="lead"),
            class_="masthead",
        ),
        el("main", usage_section(usage)),
        el("footer", el("p", f"Holdfast {holdfast}.")),
    )


def _headline(total: Use) -> str:
    return f"{bytes_text(total.raw_bytes)} in snapshots, {bytes_text(total.share_bytes)} stored"


def usage_section(usage: Usage, covers: str = "") -> Markup:
    """Return the section: three drawings, a table behind each that has more to tell, and what it `covers`."""
    growth = _growth(usage)
    figures = [
        figure(f"What each {usage.by} uses", _uses_says(usage), _uses(usage)),
        figure("What deduplication saved", _saved_says(usage.total), _saved(usage.total)),
        figure("Growth", _growth_says(usage), growth, class_="card across") if growth else None,
    ]
    tables = [
        _details(f"What each {usage.by} uses, as a table", _use_table(usage)),
        _details("Growth, as a table", _growth_table(usage.growth)) if growth else None,
    ]
    says = f"{covers} Own is what nobody else uses; what several use is divided equally between them.".lstrip()
    return section("usage", "Who uses what", says, el("div", figures, class_="plots"), tables)


def _uses_says(usage: Usage) -> str:
    if not usage.largest:
        return "There is no snapshot."
    shared = usage.total.share_bytes - sum(one.own_bytes for one in _listed(usage))
    said = f"{bytes_text(shared)} of {bytes_text(usage.total.share_bytes)} stored are used by more than one {usage.by}."
    drawn = usage.largest[:DRAWN]
    others = usage.groups - len(drawn)
    if others:
        left = usage.total.share_bytes - sum(one.share_bytes for one in drawn)
        said += f" The {count_text(others)} not drawn alone use {bytes_text(left)} together."
    return said


def _listed(usage: Usage) -> list[Use]:
    return [*usage.largest, *([usage.rest] if usage.rest else [])]


def _uses(usage: Usage) -> Markup | None:
    if not usage.largest:
        return None
    drawn = usage.largest[:DRAWN]
    others = usage.groups - len(drawn)
    rows = [(one.name, _parts(one.own_bytes, one.share_bytes), bytes_text(one.share_bytes)) for one in drawn]
    if others:
        own = (sum(one.own_bytes for one in _listed(usage)) - sum(one.own_bytes for one in drawn)) / others
        share = (usage.total.share_bytes - sum(one.share_bytes for one in drawn)) / others
        rows.append((f"{count_text(others)} others", _parts(own, share), f"{bytes_text(share)} each"))
    keys = legend([("own", 1), ("part of what is shared", 4)])
    title = f"Stored bytes of each {usage.by}"
    return el("div", keys, at_widths(lambda width: charts.stacked(rows, title=title, width=width)))


def _parts(own: float, share: float) -> list[tuple[float, int]]:
    return [(own, 1), (share - own, 4)]


def _saved_says(total: Use) -> str:
    if not total.share_bytes or total.distinct_bytes is None:
        return ""
    repeated = total.raw_bytes - total.distinct_bytes
    said = (
        f"{bytes_text(repeated)} were repetition and are stored once."
        if repeated > 0
        else "Less is repeated than the file lists take."
    )
    if total.raw_bytes > total.share_bytes:
        said += f" With compression {ratio_text(total.raw_bytes / total.share_bytes)} less than the snapshots whole."
    return said


def _saved(total: Use) -> Markup:
    rows = [
        ("in snapshots", [(float(total.raw_bytes), 1)], bytes_text(total.raw_bytes)),
        ("distinct", [(float(total.distinct_bytes or 0), 3)], bytes_text(total.distinct_bytes or 0)),
        ("stored", [(float(total.share_bytes), 2)], bytes_text(total.share_bytes)),
    ]
    return at_widths(lambda width: charts.stacked(rows, title="What deduplication saved", width=width))


def _growth_says(usage: Usage) -> str:
    last = usage.growth[-1]
    return (
        f"{plural(last.snapshots, 'snapshot')} in {seconds_text(last.seconds)}: each counted whole; distinct, what no "
        "earlier one held; stored, what that takes compressed and encrypted."
    )


def _growth(usage: Usage) -> Markup | None:
    """Draw bytes over time; None where there is only one moment."""
    if not usage.growth or not usage.growth[-1].seconds:
        return None
    last = usage.growth[-1]
    per, x_unit = next((per, name) for least, per, name in TIMES if last.seconds >= least)
    size, y_unit = _size_unit(max(last.raw_bytes, last.distinct_bytes, last.stored_bytes))

    def line(name: str, value: Callable[[Growth], int], colour: int) -> charts.Line:
        return charts.Line(name, [(one.seconds / per, value(one) / size) for one in usage.growth], colour)

    lines = [
        line("in snapshots", lambda one: one.raw_bytes, 1),
        line("distinct", lambda one: one.distinct_bytes, 3),
        line("stored", lambda one: one.stored_bytes, 2),
    ]
    drawn = at_widths(
        lambda width: charts.curves(lines, title="Growth", x_unit=x_unit, y_unit=y_unit, width=width), WIDE - 40
    )
    return el("div", legend([(one.name, one.colour) for one in lines]), drawn)


def _size_unit(largest: float) -> tuple[float, str]:
    return next(((size, name) for size, name in SIZES if largest >= size), SIZES[-1])


def _details(summary: str, table: Markup) -> Markup:
    return el("details", el("summary", summary), el("div", table, class_="scroll", tabindex="0"), class_="card")


def _use_table(usage: Usage) -> Markup:
    head = [usage.by, "snapshots", "in snapshots", "distinct", "stored", "share", "own"]
    rest = [usage.rest] if usage.rest else []
    return _table(head, [_use_row(one) for one in (*usage.largest, *rest, usage.total)])


def _use_row(one: Use) -> list[str]:
    sizes = (one.raw_bytes, one.distinct_bytes, one.stored_bytes, one.share_bytes, one.own_bytes)
    shown = ["" if size is None else bytes_text(size) for size in sizes]
    return [one.name, count_text(one.snapshots), *shown]


def _growth_table(growth: Sequence[Growth]) -> Markup:
    rows = [
        [
            f"after {seconds_text(one.seconds)}",
            count_text(one.snapshots),
            *map(bytes_text, (one.raw_bytes, one.distinct_bytes, one.stored_bytes)),
        ]
        for one in charts.thin(growth, TABLED)
    ]
    return _table(["time", "snapshots", "in snapshots", "distinct", "stored"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """Return a table whose first column names the row and whose others are numbers."""
    titles = [el("th", title, scope="col", class_="number" if at else None) for at, title in enumerate(head)]
    body = [
        el("tr", el("th", row[0], scope="row"), [el("td", cell, class_="number") for cell in row[1:]]) for row in rows
    ]
    return el("table", el("thead", el("tr", titles)), el("tbody", body))
