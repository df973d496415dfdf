"""Which snapshots to keep: rules in, a plan out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.errors import InvalidRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What to keep of each user, host and set of sources; a snapshot that any rule keeps stays. Periods are UTC.

    `within` keeps everything younger, and always the newest snapshot: a user who is gone is not erased by age alone.
    The others keep the newest snapshot of each of the last N hours, days, ISO weeks, months, years that have one.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: timedelta | None = None

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly")}
        for name, count in counts.items():
            if count < 0:
                raise InvalidRequest(f"keep-{name} must be 0 or more, got {count}")
        if self.within is not None and self.within <= timedelta(0):
            raise InvalidRequest(f"keep-within must be more than nothing, got {self.within}")
        if self.within is None and not any(counts.values()):
            raise InvalidRequest(
                "no retention rule given: that would forget every snapshot; give one, as --keep-daily 7"
            )


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot that stays, and the rules that keep it."""

    record: Record
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """What stays and what goes; both newest first within a user, host and set of sources."""

    keep: tuple[Kept, ...] = field(default=())
    forget: tuple[Record, ...] = field(default=())
    why: str = "no rule keeps it"


PERIODS: Sequence[tuple[str, Callable[[datetime], object]]] = (
    ("hourly", lambda time: (time.date(), time.hour)),
    ("daily", lambda time: time.date()),
    ("weekly", lambda time: time.isocalendar()[:2]),
    ("monthly", lambda time: (time.year, time.month)),
    ("yearly", lambda time: time.year),
)


def plan_forget(records: Iterable[Record], retention: Retention, *, now: datetime) -> ForgetPlan:
    """Decide for every COMPLETED record; others are not looked at.

    Users, hosts and sets of sources do not count for each other: one who backs up two folders one after the other
    must not lose those of the first to the second.
    """
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        if record.status is Status.COMPLETED:
            origin = record.user, record.host, str(record.figures.get("sources", ""))
            groups.setdefault(origin, []).append(record)
    keep: list[Kept] = []
    forget: list[Record] = []
    for _, group in sorted(groups.items()):
        group.sort(key=lambda record: (record.start, record.id), reverse=True)
        reasons = _reasons(group, retention, now)
        keep += [Kept(record, tuple(reasons[record.id])) for record in group if record.id in reasons]
        forget += [record for record in group if record.id not in reasons]
    return ForgetPlan(tuple(keep), tuple(forget))


def plan_named(records: Iterable[Record], names: Collection[SnapshotId]) -> ForgetPlan:
    """Forget exactly the COMPLETED records named; the others are no part of the plan."""
    return ForgetPlan(forget=tuple(record for record in records if record.id in names), why="named")


def _reasons(group: Sequence[Record], retention: Retention, now: datetime) -> dict[str, list[str]]:
    """Return the rules that keep each snapshot of one group, newest first."""
    reasons: dict[str, list[str]] = {}
    if retention.within is not None:
        for at, record in enumerate(group):
            if now - record.start < retention.within:  # `now - within` may be before the first year
                reasons.setdefault(record.id, []).append("within")
            elif at == 0:
                reasons.setdefault(record.id, []).append("newest")
    for record in group[: retention.last]:
        reasons.setdefault(record.id, []).append("last")
    for name, period in PERIODS:
        seen: set[object] = set()
        for record in group:
            key = period(record.start)
            if key not in seen and len(seen) < getattr(retention, name):
                seen.add(key)
                reasons.setdefault(record.id, []).append(name)
    return reasons
