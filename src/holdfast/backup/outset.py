"""What a session reads before it begins, where answers come late: all at once, while the repository is opened.

None of it needs a key. However old it is when the session begins, it does no harm: for a session of an older epoch
prune waits all the more, and whether the parent still stands is asked again once the session's record is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from holdfast.backup.ids import SnapshotId
from holdfast.backup.manifest import sealed_manifest
from holdfast.backup.ports import Ledger, ObjectStore, Record
from holdfast.errors import NotFound

CONNECTIONS = 3


class Outset(NamedTuple):
    """The epoch; one user's snapshots of one host, newest first; who may have left notes; the newest manifest."""

    epoch: int
    completed: Sequence[Record]
    noting: Sequence[Record]
    newest: bytes | None

    def sealed(self, id_: SnapshotId) -> bytes | None:
        """Return a snapshot's manifest as it is stored, if it was read."""
        return self.newest if self.completed and self.completed[0].id == id_ else None


class OutsetAhead:
    """Reads it in threads, once `begin` is called: five requests, over by the second answer."""

    def __init__(self, user: str, host: str) -> None:
        self._of = user, host
        self._reading: Callable[[], Outset] | None = None

    def begin(self, objects: ObjectStore, ledger: Ledger) -> None:
        """Begin to read, and return."""
        from concurrent.futures import ThreadPoolExecutor  # only for stores that answer late

        pool = ThreadPoolExecutor(CONNECTIONS)
        snapshots = pool.submit(_snapshots, objects, ledger, *self._of)
        epoch, ended, active = pool.submit(ledger.epoch), pool.submit(ledger.ended), pool.submit(ledger.active)

        def read() -> Outset:
            pool.shutdown()  # whoever forks later has no threads
            completed, newest = snapshots.result()
            noting = [*ended.result(), *active.result()]
            return Outset(epoch=epoch.result(), completed=completed, noting=noting, newest=newest)

        self._reading = read

    def taken(self) -> Outset | None:
        """Return what was read, once it is there; None if nothing was begun."""
        return self._reading() if self._reading else None


def _snapshots(objects: ObjectStore, ledger: Ledger, user: str, host: str) -> tuple[list[Record], bytes | None]:
    completed = list(ledger.completed_by(user, host))
    newest = None
    with suppress(NotFound):
        newest = sealed_manifest(objects, completed[0].id) if completed else None
    return completed, newest
