"""From what the engine measured of a repository to what the report keeps of it: the largest users, and the growth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import Protocol

from holdfast.report.charts import thin
from holdfast.report.model import Growth, Usage, Use

LARGEST = 100
"""So many groups are told one by one."""
POINTS = 240


class Group(Protocol):
    """What a user, host or snapshot uses, bytes: `holdfast.backup.usage.Usage`."""

    name: str
    snapshots: int
    raw: int
    distinct: int
    stored: float
    share: float
    own: float


class Added(Protocol):
    """What one snapshot added, bytes: `holdfast.backup.usage.Addition`."""

    time: datetime
    raw: int
    distinct: int
    stored: float


def usage_of(groups: Sequence[Group], total: Group, additions: Sequence[Added], *, by: str) -> Usage:
    """Return what the report keeps; `additions` come oldest first."""
    ranked = sorted(groups, key=lambda one: (-one.share, one.name))
    return Usage(
        by=by,
        groups=len(ranked),
        largest=[_use(one) for one in ranked[:LARGEST]],
        rest=_rest(ranked[LARGEST:]),
        total=_use(total),
        growth=thin(_growth(additions), POINTS),
    )


def _use(one: Group) -> Use:
    return Use(
        name=one.name,
        snapshots=one.snapshots,
        raw_bytes=one.raw,
        distinct_bytes=one.distinct,
        stored_bytes=round(one.stored),
        share_bytes=round(one.share),
        own_bytes=round(one.own),
    )


def _rest(groups: Sequence[Group]) -> Use | None:
    if not groups:
        return None
    return Use(
        name=f"{len(groups):,} others",
        snapshots=sum(one.snapshots for one in groups),
        raw_bytes=sum(one.raw for one in groups),
        distinct_bytes=None,
        stored_bytes=None,
        share_bytes=round(sum(one.share for one in groups)),
        own_bytes=round(sum(one.own for one in groups)),
    )


def _growth(additions: Sequence[Added]) -> list[Growth]:
    if not additions:
        return []
    first = additions[0].time
    sums = zip(
        accumulate(one.raw for one in additions),
        accumulate(one.distinct for one in additions),
        accumulate(one.stored for one in additions),
        strict=True,
    )
    return [
        Growth(
            seconds=(one.time - first).total_seconds(),
            snapshots=number,
            raw_bytes=raw,
            distinct_bytes=distinct,
            stored_bytes=round(stored),
        )
        for number, (one, (raw, distinct, stored)) in enumerate(zip(additions, sums, strict=True), 1)
    ]
