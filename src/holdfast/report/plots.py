"""The page's drawings with what they say in words: the timeline and the plots of what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.report import charts
from holdfast.report.distribution import cumulative, percentile
from holdfast.report.markup import Markup, el, many
from holdfast.report.model import Backup, Report, Series
from holdfast.report.section import section
from holdfast.report.units import bytes_text, count_text, ratio_text, seconds_text

WIDE, HALF, NARROW = 1016, 486, 330
"""Widths in pixels of a drawing on a wide page, in half of one, and on a telephone; the style sheet shows one."""


def timeline(report: Report) -> Markup | None:
    """Return every step on the run's clock, None without steps."""
    if not report.steps:
        return None
    both = [
        el("div", charts.timeline(report.steps, report.events, seconds=report.seconds, width=width), class_=name)
        for width, name in ((WIDE, "wide"), (NARROW, "narrow"))
    ]
    return section(
        "timeline", "Timeline of the run", "Every step on the run's own clock.", el("div", both, class_="card")
    )


def plots(report: Report) -> Markup | None:
    """Return the plots there is data for."""
    figures = [
        figure("Backup throughput", _progress_says(report), _series(report, "backup_", "snapshots")),
        figure(
            "Restore from the replica",
            "Bytes back on disk since the region was lost.",
            _series(report, "restore", "restored"),
        ),
        figure("Deduplication", _dedup_says(report.backups), _dedup(report.backups)),
        figure("Replication lag", _lag_says(report), _lag(report.replication_lag)),
        figure(
            "Memory of all processes",
            "What the emulator, the functions and the rehearsal itself held together (sum of PSS).",
            _series(report, "memory", "memory", wide=WIDE - 40),
            class_="card across",
        ),
    ]
    drawn = [figure for figure in figures if figure]
    return section("plots", "What was measured", "", el("div", drawn, class_="plots")) if drawn else None


def figure(title: str, says: str, drawing: Markup | None, *, class_: str = "card") -> Markup | None:
    """Return a drawing with its title and what it says in words; None without a drawing."""
    if drawing is None:
        return None
    return el("figure", el("figcaption", el("h3", title), el("p", says)), drawing, class_=class_)


def _series(report: Report, prefix: str, title: str, *, wide: int = HALF) -> Markup | None:
    chosen = [series for name, series in report.series.items() if name.startswith(prefix) and series.points]
    if not chosen:
        return None
    lines = [
        charts.Line(series.title, series.points, number % 4 + 1, area=len(chosen) == 1)
        for number, series in enumerate(chosen)
    ]
    keys = legend([(line.name, line.colour) for line in lines]) if len(lines) > 1 else None
    return many(keys, at_widths(lambda width: _draw_series(lines, chosen[0], title, width), wide))


def _draw_series(lines: Sequence[charts.Line], series: Series, title: str, width: int) -> Markup:
    return charts.curves(lines, title=title, x_unit=series.x_unit, y_unit=series.y_unit, width=width)


def at_widths(draw: Callable[[int], Markup], wide: int = HALF) -> Markup:
    """Return the drawing for a wide page and the one for a telephone."""
    return many(el("div", draw(wide), class_="wide"), el("div", draw(NARROW), class_="narrow"))


def legend(keys: Sequence[tuple[str, int]]) -> Markup:
    """Return what each colour of a drawing stands for."""
    return el("p", [el("span", el("i", class_=f"key c{colour}"), name) for name, colour in keys], class_="legend")


def _progress_says(report: Report) -> str:
    done = [backup for backup in report.backups if backup.seconds > 0]
    if not done:
        return ""
    rates = ", ".join(f"{backup.name} {bytes_text(backup.logical_bytes / backup.seconds)}/s" for backup in done)
    return f"Snapshots completed since the daily rule fired. Protected data per second: {rates}."


def _dedup_says(backups: Sequence[Backup]) -> str:
    stored = sum(backup.stored_bytes for backup in backups)
    if not stored:
        return ""
    logical = sum(backup.logical_bytes for backup in backups)
    less = ratio_text(logical / stored)
    return f"{bytes_text(logical)} in all snapshots became {bytes_text(stored)} stored: {less} less."


def _dedup(backups: Sequence[Backup]) -> Markup | None:
    if not backups:
        return None
    groups = [
        (
            f"{backup.name}, {count_text(backup.snapshots)} snapshots",
            [
                ("in snapshots", backup.logical_bytes, 1),
                ("read", backup.read_bytes, 4),
                ("new, unique", backup.unique_bytes, 3),
                ("stored", backup.stored_bytes, 2),
            ],
        )
        for backup in backups
    ]
    return at_widths(lambda width: charts.bars(groups, title="Deduplication", width=width, text=bytes_text))


def _lag_says(report: Report) -> str:
    lag, asked = report.replication_lag, report.figures.get("lag_asked_seconds")
    if not lag:
        return ""
    median, late = percentile(lag, 50), percentile(lag, 99)
    return (
        f"From the put of an object to its replica, {count_text(len(lag))} objects: half within "
        f"{seconds_text(median)}, 99 % within {seconds_text(late)}, the slowest {seconds_text(lag[-1])}."
        + (f" The embedded AWS was told to wait {seconds_text(asked)}." if isinstance(asked, int | float) else "")
    )


def _lag(lag: Sequence[float]) -> Markup | None:
    if not lag:
        return None
    line = charts.Line("objects in the replica", cumulative(lag), 1, area=True)
    marks = [(percentile(lag, 99), "99 %")]
    return at_widths(
        lambda width: charts.curves(
            [line], title="Replication lag", x_unit="s", y_unit="% of objects", width=width, marks=marks
        )
    )
