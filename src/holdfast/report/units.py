"""Figures as people read them; each function takes one number and returns one short text."""

from __future__ import annotations


def bytes_text(count: float) -> str:
    """Return a size in decimal units with three significant digits: `312 MB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(count) < 999.5 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError("unreachable: the last unit always returns")


def seconds_text(seconds: float) -> str:
    """Return a duration: `38 ms`, `4.2 s`, `2 min 05 s`, `26 h 00 min`, `60 d`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 7170:
        return f"{round(seconds) // 60} min {round(seconds) % 60:02d} s"
    if seconds < 172_800:
        return f"{round(seconds) // 3600} h {round(seconds) % 3600 // 60:02d} min"
    return f"{seconds / 86_400:.3g} d"


def count_text(count: float) -> str:
    """Return a count with thousands separated: `1,000`; fractions keep three digits."""
    return f"{count:,.0f}" if float(count).is_integer() or abs(count) >= 1000 else f"{count:.3g}"


def plural(count: int, noun: str) -> str:
    """Return a count of things: `1 pack`, `1,000 packs`."""
    return f"{count_text(count)} {noun}{'' if count == 1 else 's'}"


def ratio_text(ratio: float) -> str:
    """Return a ratio: `2.4x`."""
    return f"{ratio:.2g}x" if ratio < 9.95 else f"{ratio:.0f}x"


def figure_text(name: str, value: float | str) -> str:
    """Return a figure in the unit its name ends with (`_bytes`, `_seconds`, `_percent`, `_ratio`)."""
    if isinstance(value, str):
        return value
    unit = name.rpartition("_")[2]
    known = {"bytes": bytes_text, "seconds": seconds_text, "ratio": ratio_text}
    return f"{value:.3g} %" if unit == "percent" else known.get(unit, count_text)(value)


def label_text(name: str) -> str:
    """Return a figure's name without its unit, as words: `bytes_stored_bytes` never, `stored_bytes` -> `stored`."""
    stem, _, unit = name.rpartition("_")
    return (stem if unit in {"bytes", "seconds", "percent", "ratio"} and stem else name).replace("_", " ")
