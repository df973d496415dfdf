"""A repository that takes every write and keeps none: what a backup would store is measured by running it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.ports import ChunkIndex, Ledger, ObjectStore, PackRow, Record, Status, StoredObject
from holdfast.backup.repository import Repository
from holdfast.errors import InvalidRequest


def dry(repository: Repository) -> Repository:
    """Return the repository as a backup sees it, nothing of which reaches the stores."""
    return repository._replace(
        objects=_DryObjects(repository.objects),
        index=_DryIndex(repository.index),
        ledger=_DryLedger(repository.ledger),
    )


class _DryObjects:
    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def put(self, key: str, data: bytes | memoryview) -> bool:
        return True

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        return self._objects.get(key, start, length)

    def size(self, key: str) -> int | None:
        return self._objects.size(key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        return self._objects.list(prefix)

    def delete(self, key: str) -> None:
        raise _never()


class _DryIndex:
    def __init__(self, index: ChunkIndex) -> None:
        self._index = index

    def usable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        return self._index.usable(chunks)

    def readable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        return self._index.readable(chunks)

    def named(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        return self._index.named(chunks)

    def announce(self, row: PackRow) -> bool:
        return True

    def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> int:
        return len(chunks)

    def move(self, chunks: Mapping[ChunkId, Place], from_pack: PackId) -> int:
        raise _never()

    def packs(self) -> Iterator[PackRow]:
        return self._index.packs()

    def condemn(self, row: PackRow, epoch: int) -> bool:
        raise _never()

    def revive(self, pack: PackId) -> bool:
        raise _never()

    def begin_delete(self, pack: PackId, epoch: int) -> bool:
        raise _never()

    def unpoint(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        raise _never()

    def remove(self, pack: PackId) -> None:
        raise _never()


class _DryLedger:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def epoch(self) -> int:
        return self._ledger.epoch()

    def advance_epoch(self) -> int:
        raise _never()

    def begin(self, record: Record) -> None:
        pass

    def heartbeat(
        self, id_: SnapshotId, lease_until: datetime, figures: Mapping[str, int | float | str] | None = None
    ) -> None:
        pass

    def finish(
        self, id_: SnapshotId, status: Status, finished: datetime, figures: Mapping[str, int | float | str]
    ) -> None:
        pass

    def abandon(self, id_: SnapshotId, now: datetime) -> bool:
        raise _never()

    def get(self, ids: Collection[SnapshotId]) -> dict[SnapshotId, Record]:
        return self._ledger.get(ids)

    def active(self) -> list[Record]:
        return self._ledger.active()

    def completed(self, user: str | None = None) -> list[Record]:
        return self._ledger.completed(user)

    def completed_by(self, user: str, host: str) -> Iterator[Record]:
        return self._ledger.completed_by(user, host)

    def ended(self) -> list[Record]:
        return self._ledger.ended()

    def forget(self, ids: Collection[SnapshotId]) -> None:
        raise _never()

    def retire(self, ids: Collection[SnapshotId], expires: datetime) -> None:
        raise _never()

    def import_record(self, record: Record) -> None:
        raise _never()

    def lock(self, name: str, owner: str, until: datetime, now: datetime) -> None:
        raise _never()

    def unlock(self, name: str, owner: str) -> None:
        raise _never()


def _never() -> InvalidRequest:
    return InvalidRequest("a dry run only backs up; run it without --dry-run")
