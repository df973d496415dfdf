"""One writer's attempt to make one snapshot: its record, its lease and its deadline."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Clock, Ledger, Record, Status
from holdfast.errors import DeadlineReached, HoldfastError, Interrupted

HEARTBEATS_PER_LEASE = 3
MAX_REASON = 200
MOST_RESERVED = timedelta(seconds=20)
SHARE_RESERVED = 0.1
"""Before a deadline this share of the time, at most `MOST_RESERVED`, is kept to publish what was read."""


def new_snapshot_id() -> SnapshotId:
    """Return an id nobody has: 128 random bits."""
    return SnapshotId(os.urandom(16).hex())


class Session:
    """A RUNNING record that is kept alive as long as `tick` is called more often than its lease lasts.

    Prune counts on the order: the caller reads the epoch, chooses the parent, begins, and only then looks anything up.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        *,
        epoch: int,
        parent: SnapshotId | None,
        user: str,
        host: str,
        lease: timedelta,
        deadline: datetime | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
        new_id: Callable[[], SnapshotId] = new_snapshot_id,
    ) -> None:
        """Begin; raise Conflict if the id is taken."""
        self._ledger = ledger
        self._clock = clock
        self._lease = lease
        self._is_stopped = is_stopped
        self._ended = False
        self.notes: Mapping[str, int | float | str] = {}
        self.id = new_id()
        self.start = clock.now()
        self._next_heartbeat = self.start + lease / HEARTBEATS_PER_LEASE
        self._stop_at = deadline and deadline - min(MOST_RESERVED, (deadline - self.start) * SHARE_RESERVED)
        ledger.begin(
            Record(
                id=self.id,
                user=user,
                host=host,
                start=self.start,
                lease_until=self.start + lease,
                epoch=epoch,
                parent=parent,
            )
        )

    def tick(self) -> None:
        """Extend the lease when a third of it has passed; notice the deadline.

        Raises:
            LeaseLost: someone fenced this session.
            DeadlineReached: it is time to stop.
            Interrupted: the user asked for it.
        """
        self.stop_if_asked()
        now = self._clock.now()
        if self._stop_at is not None and now >= self._stop_at:
            raise DeadlineReached(
                f"stopped before the deadline after {(now - self.start).total_seconds():.0f} s; what is stored stays: "
                "back up again to go on"
            )
        if now >= self._next_heartbeat:
            self._ledger.heartbeat(self.id, now + self._lease)
            self._next_heartbeat = now + self._lease / HEARTBEATS_PER_LEASE

    def note(self, notes: Mapping[str, int | float | str]) -> None:
        """Write down, durably, how far this session is; what the notes lead to is published already. Or LeaseLost."""
        now = self._clock.now()
        self._ledger.heartbeat(self.id, now + self._lease, notes)
        self._next_heartbeat = now + self._lease / HEARTBEATS_PER_LEASE
        self.notes = notes

    def stop_if_asked(self) -> None:
        """Raise Interrupted if the user asked to stop."""
        if self._is_stopped():
            raise Interrupted("interrupted; what is stored stays: back up again to go on")

    def complete(self, figures: Mapping[str, int | float | str]) -> None:
        """Acknowledge the snapshot: RUNNING -> COMPLETED, or LeaseLost."""
        self._ledger.finish(self.id, Status.COMPLETED, self._clock.now(), figures)

        self._ended = True

    def close(self, reason: str) -> None:
        """RUNNING -> FAILED with `reason`, as far as the ledger lets us; nothing after `complete` or for no reason."""
        if self._ended or not reason:
            return
        with suppress(HoldfastError):  # the error that brought us here is the one to tell
            figures = {"reason": reason[:MAX_REASON], **self.notes}
            self._ledger.finish(self.id, Status.FAILED, self._clock.now(), figures)
