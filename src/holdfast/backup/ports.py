"""What the engine asks of the world: objects, a chunk index, a ledger, keys and a clock.

`docs/design/repository-format.md` gives the order in which these are called and what each crash leaves. All calls are
safe to repeat. Every adapter raises only errors of `holdfast.errors`; all reads are strongly consistent; times are UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from holdfast.backup.ids import ChunkId, PackId, Place, RepositoryId, SnapshotId


class StoredObject(NamedTuple):
    """One object of a listing; `size` in bytes; `storage_class` empty where there are none."""

    key: str
    size: int
    storage_class: str = ""


class ObjectStore(Protocol):
    """Immutable bytes under keys. Keys are ASCII, `/`-separated, relative to the repository's root."""

    def put(self, key: str, data: bytes | memoryview) -> bool:
        """Store `data` if `key` is absent, durable and whole on return; False (and no change) if it was there."""

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start` (fewer only at the object's end).

        A negative `start` counts from the end; one before the object's first byte means the first byte.

        Raises:
            NotFound: no such object.
        """

    def size(self, key: str) -> int | None:
        """Return the object's size in bytes, None if it does not exist."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key starts with `prefix`, in key order."""

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if it is not there. Only `prune` and `remove_key` call this."""


class PackKind(StrEnum):
    """Trees stay apart from data, so that data may grow cold while trees stay hot."""

    DATA = "data"
    TREE = "tree"


class PackState(StrEnum):
    """PENDING -> LIVE -> CONDEMNED -> DELETING; CONDEMNED -> LIVE by prune alone."""

    PENDING = "PENDING"
    LIVE = "LIVE"
    CONDEMNED = "CONDEMNED"
    DELETING = "DELETING"


class PackRow(NamedTuple):
    """The index's row of one pack; `size` in bytes; `epoch` is that of its condemnation.

    `chunk_count` is how many its footer lists, if the index keeps that: where a look at the footer is a request.
    """

    pack: PackId
    kind: PackKind
    size: int
    session: SnapshotId
    state: PackState = PackState.PENDING
    epoch: int | None = None
    chunk_count: int | None = None


class ChunkIndex(Protocol):
    """Chunk to place, and the packs' states. A cache: pack footers can rebuild it."""

    def usable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places in LIVE packs; a chunk elsewhere or nowhere is left out: store it (again)."""

    def readable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places in LIVE or CONDEMNED packs: what a restore may read now."""

    def named(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places that rows name, whatever became of the packs: for readers, who notice what is gone."""

    def announce(self, row: PackRow) -> bool:
        """Write `row` as PENDING, before its object is put; False if the pack has a row already (that row stands)."""

    def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> int:
        """Make the pack LIVE, then point each chunk (in footer order) at it; return how many places this call won.

        The first writer wins. A row that names a pack which is not LIVE is replaced, and that is atomic with the check
        that this pack is LIVE: a stalled writer must not point a chunk that others refer to at a pack that is gone.
        Raises:
            Conflict: the pack has no row, or is condemned: someone collected it. Store its blocks as a new pack.
        """

    def move(self, chunks: Mapping[ChunkId, Place], from_pack: PackId) -> int:
        """Point chunks that still name `from_pack` at their new places; return how many moved.

        Atomic for each chunk with the check that its new pack is LIVE; where it is not, the chunk stays.
        """

    def packs(self) -> Iterator[PackRow]:
        """Yield every pack row."""

    def condemn(self, row: PackRow, epoch: int) -> bool:
        """LIVE or PENDING -> CONDEMNED with `epoch`; an unknown pack gets such a row. False if the state forbade it.

        Atomic with the check that `epoch` is the ledger's epoch: a session of a later one must see the condemnation.
        Raises:
            Conflict: the ledger's epoch is another one. Read it again.
        """

    def revive(self, pack: PackId) -> bool:
        """CONDEMNED -> LIVE; False if the state forbade it."""

    def begin_delete(self, pack: PackId, epoch: int) -> bool:
        """CONDEMNED with `epoch`, or DELETING -> DELETING; False if it was anything else (condemned anew)."""

    def unpoint(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        """Remove those of the chunk rows that still name this pack; others are left as they are."""

    def remove(self, pack: PackId) -> None:
        """Remove a DELETING pack's row, after its chunk rows and its object."""


class Status(StrEnum):
    """RUNNING -> COMPLETED | FAILED | ABANDONED; COMPLETED -> FORGOTTEN."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"
    FORGOTTEN = "FORGOTTEN"


class Record(NamedTuple):
    """A session and, once COMPLETED, its snapshot. `figures` are numbers and short strings for people and alarms.

    `parent` is the snapshot whose content the session reuses without looking it up: prune keeps it while this runs.
    """

    id: SnapshotId
    user: str
    host: str
    start: datetime
    lease_until: datetime
    epoch: int
    parent: SnapshotId | None = None
    status: Status = Status.RUNNING
    finished: datetime | None = None
    figures: Mapping[str, int | float | str] = MappingProxyType({})


class Ledger(Protocol):
    """Who is at work, and which snapshots are acknowledged."""

    def epoch(self) -> int:
        """Return the current epoch, 1 at first."""

    def advance_epoch(self) -> int:
        """Add one to the epoch, atomically, and return the new one."""

    def begin(self, record: Record) -> None:
        """Write a RUNNING record.

        Raises:
            Conflict: the id exists.
        """

    def heartbeat(
        self, id_: SnapshotId, lease_until: datetime, figures: Mapping[str, int | float | str] | None = None
    ) -> None:
        """Extend the lease, and in the same change give the record these figures, if any are given.

        Raises:
            LeaseLost: the record is no longer RUNNING.
        """

    def finish(
        self, id_: SnapshotId, status: Status, finished: datetime, figures: Mapping[str, int | float | str]
    ) -> None:
        """RUNNING -> `status` (COMPLETED or FAILED), atomically; repeating a finish that stands is fine.

        Raises:
            LeaseLost: the record is no longer RUNNING.
        """

    def abandon(self, id_: SnapshotId, now: datetime) -> bool:
        """RUNNING with a lease that ended before `now` -> ABANDONED; False if it was not so."""

    def get(self, ids: Collection[SnapshotId]) -> dict[SnapshotId, Record]:
        """Return the records that exist."""

    def active(self) -> list[Record]:
        """Return every RUNNING record."""

    def completed(self, user: str | None = None) -> list[Record]:
        """Return COMPLETED records, newest first by (start, id); of one user if given."""

    def completed_by(self, user: str, host: str) -> Iterator[Record]:
        """Yield one user's COMPLETED records of one host, newest first; what is not taken may not even be read."""

    def ended(self) -> list[Record]:
        """Return every FORGOTTEN, FAILED or ABANDONED record that was not retired."""

    def forget(self, ids: Collection[SnapshotId]) -> None:
        """COMPLETED -> FORGOTTEN for each; others are left as they are."""

    def retire(self, ids: Collection[SnapshotId], expires: datetime) -> None:
        """Let ended records (FORGOTTEN, FAILED, ABANDONED) vanish after `expires`: prune has cleared what they left."""

    def import_record(self, record: Record) -> None:
        """Write a record as it is, if the id is absent: for a catalogue rebuilt from manifests."""

    def lock(self, name: str, owner: str, until: datetime, now: datetime) -> None:
        """Take or extend the named exclusive lock until `until`.

        Raises:
            Conflict: another owner holds it beyond `now`.
        """

    def unlock(self, name: str, owner: str) -> None:
        """Release the lock if this owner holds it."""


class KeyProvider(Protocol):
    """One way to wrap a repository's master key: a password, a KMS key."""

    def wrap(self, master: bytes, repository: RepositoryId) -> dict[str, Any]:
        """Return the slot's JSON body, with its `kind`."""

    def unwrap(self, slot: Mapping[str, Any], repository: RepositoryId) -> bytes | None:
        """Return the 32-byte master key; None if this provider does not serve the slot's kind or key.

        Raises:
            WrongKey: it serves the kind, and the password or key is wrong.
        """


class Clock(Protocol):
    """Time and waiting as arguments, so that tests own both."""

    def now(self) -> datetime:
        """Return the time, UTC, aware."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
