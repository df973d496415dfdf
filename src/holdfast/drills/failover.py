"""Making a database cluster fail over, and measuring how long it answers nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from holdfast.backup.ports import Clock
from holdfast.drills.measured import Drill, Measured
from holdfast.errors import Conflict, InvalidRequest

LIMIT = timedelta(minutes=10)
"""After which a failover counts as failed. AWS's typical figure is under a minute."""
LOOKED_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """A cluster as its service describes it."""

    status: str
    writer: str | None
    readers: tuple[str, ...]


class Cluster(Protocol):
    """A database cluster that can be asked and told to fail over."""

    name: str

    def state(self) -> ClusterState:
        """Return how it is now."""

    def fail_over(self) -> None:
        """Ask for a reader to become the writer; returns at once."""

    def answers(self) -> bool | None:
        """Return whether its writer's endpoint takes a connection; None if that is not to be tried."""


def drill_failover(
    cluster: Cluster, *, clock: Clock, monotonic: Callable[[], float], limit: timedelta = LIMIT
) -> Drill:
    """Return how long it took until another instance was the writer and its endpoint took connections again.

    Raises:
        InvalidRequest: the cluster has no reader to promote.
        Conflict: it is not available now; nothing was changed.
    """
    before = cluster.state()
    if before.status != "available":
        raise Conflict(f"cluster {cluster.name} is {before.status}, not available; wait, then drill")
    if not before.readers:
        raise InvalidRequest(f"cluster {cluster.name} has no reader to promote; add one, a failover would rebuild it")
    started, began = clock.now(), monotonic()
    cluster.fail_over()
    silent, looked = 0.0, monotonic()
    while True:
        after, answers, now = cluster.state(), cluster.answers(), monotonic()
        silent += 0.0 if answers in (True, None) else now - looked
        looked = now
        changed = after.writer not in (None, before.writer)
        if changed and after.status == "available" and answers is not False:
            return _done(cluster, before, after, started, now - began, silent if answers is not None else None)
        if now - began > limit.total_seconds():
            return Drill(
                name="failover",
                target=cluster.name,
                started=started,
                measured=(),
                problems=[f"after {limit} the writer is {after.writer}, the cluster {after.status}: it did not move"],
            )
        clock.sleep(LOOKED_EVERY_SECONDS)


def _done(
    cluster: Cluster, before: ClusterState, after: ClusterState, started: datetime, took: float, silent: float | None
) -> Drill:
    tried = "its endpoint was not tried" if silent is None else f"connections were refused for {silent:.1f} s of it"
    return Drill(
        name="failover",
        target=cluster.name,
        started=started,
        measured=(
            Measured(
                name="failover",
                took=timedelta(seconds=took),
                how=f"from the request until {after.writer} was the writer in place of {before.writer}; {tried}",
                partly="a failover that is asked for needs no detection, and a connection is not yet a transaction",
            ),
        ),
        figures={"seconds": took, **({} if silent is None else {"silent_seconds": silent})},
    )
