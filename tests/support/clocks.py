"""A clock that moves only when it is told to, or a little at every look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Starts at a fixed time; each look takes `step`, and sleeping takes no time of ours."""

    def __init__(self, start: datetime = datetime(2026, 11, 21, 2, tzinfo=UTC), step: timedelta = timedelta(0)) -> None:
        self._now = start
        self._step = step

    def now(self) -> datetime:
        self._now += self._step
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
