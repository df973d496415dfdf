"""Durations and shares as people write them: `24h`, `60d`, `99.9%`. Pure; no pydantic here."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%")

DURATION_PATTERN = f"^{_DURATION.pattern}$"
PERCENT_PATTERN = f"^{_PERCENT.pattern}$"


def parse_duration(text: str) -> timedelta:
    """Return the time that `text` means; a whole number above zero and one of s, m, h, d, w.

    Raises:
        ValueError: anything else, zero included.
    """
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError("a whole number above zero with s, m, h, d or w, as in 24h or 60d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def format_duration(value: timedelta) -> str:
    """Return the shortest text that `parse_duration` reads back as `value`: hours up to two days, then days."""
    seconds = round(value.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0 and (unit != "d" or seconds >= 2 * size):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def spell_duration(value: timedelta) -> str:
    """Return `value` as tags spell it: `2hours`, `60days`, `15minutes`."""
    text = format_duration(value)
    number, unit = text[:-1], {"s": "second", "m": "minute", "h": "hour", "d": "day"}[text[-1]]
    return f"{number}{unit}" + ("" if number == "1" else "s")


def read_duration(value: timedelta) -> str:
    """Return `value` for people, in at most two units: `16h 25m`, `15m`, `2d 4h`."""
    seconds = round(value.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if unit == "d" and seconds <= 2 * 86400:
            continue
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def days_of(value: timedelta) -> int:
    """Return `value` in whole days, rounded up: what a lifecycle rule or a lock can say."""
    return -(-round(value.total_seconds()) // 86400)


def parse_percent(text: str) -> float:
    """Return the share that `text` means, above 0 and at most 1.

    Raises:
        ValueError: no percent sign, or out of range.
    """
    match = _PERCENT.fullmatch(text)
    share = float(Decimal(match[1]) / 100) if match else 0.0
    if not 0 < share <= 1:
        raise ValueError("a share above 0% and up to 100%, as in 99.9%")
    return share


def format_percent(share: float) -> str:
    """Return `share` as a percentage without rounding it up: 0.999 is `99.9%`, 0.9999999 stays below `100%`."""
    return f"{share * 100:.7f}".rstrip("0").rstrip(".") + "%"
