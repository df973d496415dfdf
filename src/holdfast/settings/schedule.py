"""EventBridge schedules: `cron(...)` and `rate(...)`, checked, and how far apart their runs are.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_RATE = re.compile(r"rate\(([1-9][0-9]*) (minute|minutes|hour|hours|day|days)\)")
_CRON = re.compile(r"cron\(([^()]+)\)")
_ALLOWED = "cron(minute hour day month weekday year) or rate(n minutes|hours|days)"
# Two years from a leap year's first day hold every combination of month length and weekday shift that matters here.
_HORIZON_START = date(2028, 1, 1)
_HORIZON_DAYS = 2 * 366


@dataclass(frozen=True, kw_only=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        return frozenset(value for item in text.split(",") for value in self._item(item))

    def _item(self, item: str) -> range:
        base, _, step = item.partition("/")
        if step and not (step.isdecimal() and int(step)):
            raise ValueError(self._complaint(item))
        first, dash, last = base.partition("-")
        if base in ("*", "?"):
            low, high = self.low, self.high
        else:
            low = self._number(first)
            high = self._number(last) if dash else self.high if step else low
        if low > high:
            raise ValueError(self._complaint(item))
        return range(low, high + 1, int(step or 1))

    def _number(self, text: str) -> int:
        if text.upper() in self.names:
            return self.names.index(text.upper()) + 1
        if not text.isdecimal() or not self.low <= int(text) <= self.high:
            raise ValueError(self._complaint(text))
        return int(text)

    def _complaint(self, text: str) -> str:
        return f"{_ALLOWED}; its {self.name} is {self.low} to {self.high}, not {text!r}"


_MINUTE = _Field(name="minute", low=0, high=59)
_HOUR = _Field(name="hour", low=0, high=23)
_DAY = _Field(name="day", low=1, high=31)
_MONTH = _Field(name="month", low=1, high=12, names=tuple(_MONTHS))
_WEEKDAY = _Field(name="weekday", low=1, high=7, names=tuple(_WEEKDAYS))
_YEAR = _Field(name="year", low=1970, high=2199)


@dataclass(frozen=True)
class Rate:
    """A run every `period`, counted from the rule's creation, so its phase is unknown."""

    period: timedelta


@dataclass(frozen=True)
class Cron:
    """Runs at fixed UTC times. `weekday` 1 is Sunday; `special` day patterns (L, W, #) are accepted, not computed."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]
    special: bool = False

    def starts(self, first: date, days: int) -> Iterator[datetime]:
        """Yield the runs of `days` days from `first`, in order."""
        clock = sorted((hour, minute) for hour in self.hours for minute in self.minutes)
        for offset in range(days):
            day = first + timedelta(days=offset)
            if day.day in self.days and day.month in self.months and day.isoweekday() % 7 + 1 in self.weekdays:
                for hour, minute in clock:
                    yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def parse_schedule(text: str) -> Rate | Cron:
    """Return what `text` means.

    Raises:
        ValueError: not a schedule EventBridge accepts; the message is what it accepts.
    """
    if rate := _RATE.fullmatch(text):
        number, unit = int(rate[1]), rate[2]
        if (number == 1) is unit.endswith("s"):
            raise ValueError(f"{_ALLOWED}; the unit is singular for 1 and plural otherwise")
        return Rate(timedelta(**{unit.rstrip("s") + "s": number}))
    cron = _CRON.fullmatch(text)
    if not cron or len(fields := cron[1].split()) != 6:
        raise ValueError(_ALLOWED)
    return _cron(*fields)


def _cron(minute: str, hour: str, day: str, month: str, weekday: str, year: str) -> Cron:
    if (day == "?") is (weekday == "?"):
        raise ValueError(f"{_ALLOWED}; exactly one of day and weekday is ?")
    special = bool(re.search(r"[LW#]", _without_names(day + weekday)))
    return Cron(
        minutes=_MINUTE.values(minute),
        hours=_HOUR.values(hour),
        days=frozenset() if special else _DAY.values(day),
        months=_MONTH.values(month),
        weekdays=frozenset() if special else _WEEKDAY.values(weekday),
        years=_YEAR.values(year),
        special=special,
    )


def _without_names(text: str) -> str:
    return re.sub("|".join(_WEEKDAYS), "", text.upper())


def longest_gap(schedules: list[Rate | Cron]) -> timedelta | None:
    """Return the longest time between two starts of any of `schedules`; None if it cannot be computed.

    A rate bounds the gap whatever its phase. Cron runs are listed over two years that include a leap year.
    """
    bounds = [schedule.period for schedule in schedules if isinstance(schedule, Rate)]
    crons = [schedule for schedule in schedules if isinstance(schedule, Cron) and not schedule.special]
    every_year = [cron for cron in crons if len(cron.years) == _YEAR.high - _YEAR.low + 1]
    starts = sorted({start for cron in every_year for start in cron.starts(_HORIZON_START, _HORIZON_DAYS)})
    if len(starts) > 1:
        bounds.append(max(later - earlier for earlier, later in pairwise(starts)))
    return min(bounds, default=None)
