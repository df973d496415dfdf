"""What a restore asks before it begins, where answers come late: at once, while the repository is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from holdfast.backup.ports import Ledger, ObjectStore, Record
    from holdfast.backup.repository import Repository


class Before(NamedTuple):
    """The acknowledged snapshots, newest first; whether packs seem to be archived."""

    completed: Sequence[Record]
    seems_archived: bool


class RestoreAhead:
    """Asks in threads, once `begin` is called; none of it needs a key."""

    def __init__(self) -> None:
        self._asking: Callable[[], Before] | None = None

    def begin(self, objects: ObjectStore, ledger: Ledger) -> None:
        """Begin to ask, and return."""
        from concurrent.futures import ThreadPoolExecutor  # only for stores that answer late

        pool = ThreadPoolExecutor(2)
        completed, archived = pool.submit(ledger.completed), pool.submit(_seems_archived, objects)

        def answers() -> Before:
            pool.shutdown()  # whoever forks later has no threads
            return Before(completed.result(), archived.result())

        self._asking = answers

    def taken(self, repository: Repository) -> Before:
        """Return the answers, once they are there; ask now if nothing was begun."""
        if self._asking:
            return self._asking()
        return Before(repository.ledger.completed(), _seems_archived(repository.objects))


def _seems_archived(objects: ObjectStore) -> bool:
    from holdfast.backup.cold import seems_archived
    from holdfast.backup.pack import PREFIX

    return seems_archived(objects, PREFIX)
