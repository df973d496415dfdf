"""The report's drawings as SVG: small functions of numbers, coloured by the page's style sheet.

Every chart has a title and a description for those who do not see it, and takes its width in units that are pixels when
the page is wide enough, so that a narrow page gets a chart of its own instead of a shrunken one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from holdfast.report.markup import Child, Markup, el, many
from holdfast.report.model import Event, Mark, Step

P = TypeVar("P")
_AXIS = 26
_ROW = 24
LETTER = 7
"""Pixels that a bold letter takes on average: to know on which side of a line its text has room."""


def nice_ticks(top: float, wanted: int = 5) -> list[float]:
    """Return ticks from 0 to at least `top` in steps of 1, 2 or 5 times a power of ten."""
    if top <= 0:
        return [0.0, 1.0]
    rough = top / wanted
    power = 10 ** math.floor(math.log10(rough))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= rough * 0.999)
    return [step * number for number in range(math.ceil(top / step * 0.999) + 1)]


def tick_text(value: float) -> str:
    """Return a tick's label without noise of floating point."""
    return f"{value:,.6g}"


@dataclass(frozen=True)
class Line:
    """One curve: `points` as (x, y), drawn with the style sheet's colour number `colour` (1 to 4)."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int
    area: bool = False


def timeline(steps: Sequence[Step], events: Sequence[Event], *, seconds: float, width: int) -> Markup:
    """Draw one bar a step on the run's clock, with the moments that mattered as lines across all of them."""
    narrow = width < 600
    left, right = (0, 8) if narrow else (190, 64)
    row = _ROW + (14 if narrow else 0)
    ticks = nice_ticks(seconds, 4 if narrow else 8)
    span = width - left - right
    marked = [event for event in events if event.mark is not Mark.NOTE]
    top = 8 + 16 * len(marked)
    height = top + row * len(steps) + _AXIS

    def x(at: float) -> float:
        return round(left + span * at / ticks[-1], 1)

    grid = [
        _grid_line(
            x(tick), top, height - _AXIS, f"{tick_text(tick)} s" if tick else "0", "middle" if left or tick else ""
        )
        for tick in ticks[:-1]
    ]
    grid.append(_grid_line(x(ticks[-1]), top, height - _AXIS, f"{tick_text(ticks[-1])} s", "end"))
    bars = [_bar(step, x, top + row * number, narrow) for number, step in enumerate(steps)]
    marks = [
        _moment(event, x(event.at), 12 + 16 * number, height - _AXIS, width) for number, event in enumerate(marked)
    ]
    last = ", ".join(f"{event.what} at {event.at:.1f} s" for event in marked)
    return _svg(
        width, height, "Timeline of the run", f"{len(steps)} steps in {seconds:.0f} s. {last}", grid, marks, bars
    )


def _bar(step: Step, x: Callable[[float], float], y: float, narrow: bool) -> Markup:
    start, end = x(step.at), x(step.at + step.seconds)
    label_y, bar_y = (y + 12, y + 18) if narrow else (y + 16, y + 5)
    return many(
        el("text", step.name, x=0 if narrow else 180, y=label_y, class_="label" if narrow else "label end"),
        el("rect", x=start, y=bar_y, width=max(2.0, round(end - start, 1)), height=_ROW - 10, rx=3, class_="bar"),
        None if narrow else el("text", f"{step.seconds:.1f} s", x=max(start + 2, end) + 6, y=y + 16, class_="small"),
    )


def _moment(event: Event, x: float, y: float, bottom: float, width: int) -> Markup:
    after = x + 12 + LETTER * len(event.what) < width
    return el(
        "g",
        el("line", x1=x, x2=x, y1=y - 8, y2=bottom),
        el("circle", cx=x, cy=y - 4, r=4),
        el("text", event.what, x=x + (9 if after else -9), y=y, class_="" if after else "end"),
        class_=f"moment {event.mark.value}",
    )


def curves(
    lines: Sequence[Line],
    *,
    title: str,
    x_unit: str,
    y_unit: str,
    width: int,
    height: int = 240,
    marks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Draw curves over a common pair of axes from zero; `marks` are labelled x positions."""
    left, right, top = 52, 14, 26
    xs = nice_ticks(max((x for line in lines for x, _ in line.points), default=0), 4 if width < 420 else 6)
    ys = nice_ticks(max((y for line in lines for _, y in line.points), default=0), 4)
    bottom = height - _AXIS

    def x(value: float) -> float:
        return round(left + (width - left - right) * value / xs[-1], 1)

    def y(value: float) -> float:
        return round(bottom - (bottom - top) * value / ys[-1], 1)

    return _svg(
        width,
        height,
        title,
        "; ".join(f"{line.name}: {_spoken(line.points, x_unit, y_unit)}" for line in lines),
        [_grid_line(x(tick), top, bottom, tick_text(tick)) for tick in xs[:-1]],
        _grid_line(x(xs[-1]), top, bottom, f"{tick_text(xs[-1])} {x_unit}", "end"),
        [_level(y(tick), left, width - right, tick_text(tick)) for tick in ys],
        el("text", y_unit, x=0, y=12, class_="small"),
        [_curve(line, x, y, bottom) for line in lines],
        [_mark(x(value), top, bottom, text, width) for value, text in marks],
    )


def _spoken(points: Sequence[tuple[float, float]], x_unit: str, y_unit: str) -> str:
    if not points:
        return "no data"
    return f"{tick_text(points[-1][1])} {y_unit} after {points[-1][0]:.1f} {x_unit}"


def _curve(line: Line, x: Callable[[float], float], y: Callable[[float], float], bottom: float) -> Markup:
    points = thin(line.points)
    path = " ".join(f"{x(at):g},{y(value):g}" for at, value in points)
    shape = el("polyline", points=path, class_=f"curve c{line.colour}")
    if not (line.area and points):
        return shape
    filled = f"{x(points[0][0]):g},{bottom:g} {path} {x(points[-1][0]):g},{bottom:g}"
    return many(el("polygon", points=filled, class_=f"area c{line.colour}"), shape)


def thin(points: Sequence[P], limit: int = 240) -> Sequence[P]:
    """Return at most `limit` of the points and one more, the first and the last among them."""
    if len(points) <= limit:
        return points
    step = math.ceil(len(points) / limit)
    return [*points[:-1:step], points[-1]]


def _mark(x: float, top: float, bottom: float, text: str, width: int) -> Markup:
    after = x < width * 0.65
    return el(
        "g",
        el("line", x1=x, x2=x, y1=top - 4, y2=bottom),
        el("text", text, x=x + (5 if after else -5), y=top + 4, class_="small" if after else "small end"),
        class_="mark",
    )


def _grid_line(x: float, top: float, bottom: float, text: str, anchor: str = "middle") -> Markup:
    label = el("text", text, x=x + (8 if anchor == "end" else 0), y=bottom + 16, class_=f"small {anchor}")
    return many(el("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"), label)


def _level(y: float, left: float, right: float, text: str) -> Markup:
    label = el("text", text, x=left - 8, y=y + 4, class_="small end")
    return many(el("line", x1=left, x2=right, y1=y, y2=y, class_="grid"), label)


def bars(
    groups: Sequence[tuple[str, Sequence[tuple[str, float, int]]]],
    *,
    title: str,
    width: int,
    text: Callable[[float], str],
) -> Markup:
    """Draw groups of horizontal bars on one scale; each bar is (name, value, colour) and says its value beside it."""
    left = 96
    largest = max((value for _, rows in groups for _, value, _ in rows), default=0) or 1
    y, drawn = 0.0, []
    for group, rows in groups:
        drawn.append(el("text", group, x=0, y=y + 16, class_="label strong"))
        for name, value, colour in rows:
            y += 20
            drawn.append(_named_bar(name, value, colour, y, left, (width - left - 74) * value / largest, text))
        y += 34
    said = "; ".join(
        f"{group}: " + ", ".join(f"{name} {text(value)}" for name, value, _ in rows) for group, rows in groups
    )
    return _svg(width, max(y - 8, 1), title, said, drawn)


def _named_bar(
    name: str, value: float, colour: int, y: float, left: float, length: float, text: Callable[[float], str]
) -> Markup:
    length = round(max(2.0, length), 1)
    return many(
        el("text", name, x=left - 10, y=y + 15, class_="small end"),
        el("rect", x=left, y=y + 4, width=length, height=14, rx=3, class_=f"fill c{colour}"),
        el("text", text(value), x=left + length + 7, y=y + 15, class_="small strong"),
    )


def stacked(
    rows: Sequence[tuple[str, Sequence[tuple[float, int]], str]], *, title: str, width: int, name_letters: int = 13
) -> Markup:
    """Draw one horizontal bar a row, of parts (value, colour) end to end; each row is (name, parts, its sum in words).

    A name longer than `name_letters` is cut in the drawing, and told whole to those who do not see it.
    """
    left, right = LETTER * name_letters + 6, 96
    largest = max((sum(value for value, _ in parts) for _, parts, _ in rows), default=0) or 1
    scale = (width - left - right) / largest
    drawn = [
        _stack(_cut(name, name_letters), parts, said, 24 * at, left, scale)
        for at, (name, parts, said) in enumerate(rows)
    ]
    return _svg(width, 24 * len(rows) or 1, title, "; ".join(f"{name} {said}" for name, _, said in rows), drawn)


def _stack(name: str, parts: Sequence[tuple[float, int]], said: str, y: int, left: int, scale: float) -> Markup:
    x, drawn = float(left), []
    for value, colour in parts:
        length = round(value * scale, 1)
        if length > 0:
            drawn.append(el("rect", x=round(x, 1), y=y + 5, width=length, height=14, class_=f"fill c{colour}"))
        x += length
    return many(
        el("text", name, x=left - 10, y=y + 16, class_="small end"),
        drawn,
        el("text", said, x=round(x, 1) + 7, y=y + 16, class_="small strong"),
    )


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _svg(width: int, height: float, title: str, description: str, *children: Child) -> Markup:
    return el(
        "svg",
        el("title", title),
        el("desc", description),
        *children,
        viewBox=f"0 0 {width} {height:g}",
        role="img",
        width=width,
        height=height,
        aria_label=f"{title}. {description}",
    )
