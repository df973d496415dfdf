"""Every port in memory: for tests, and as the catalogue of a replica that is only read."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from holdfast.backup.exclusion import already_held
from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.ports import PackRow, PackState, Record, Status, StoredObject
from holdfast.errors import Conflict, LeaseLost, NotFound

ENDINGS = frozenset({Status.FORGOTTEN, Status.FAILED, Status.ABANDONED})


class MemoryObjects:
    """An object store in a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, key: str, data: bytes | memoryview) -> bool:
        """Store `data` if `key` is absent; False (and no change) if it was there."""
        with self._lock:
            if key in self.objects:
                return False
            self.objects[key] = bytes(data)
            return True

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start` (fewer only at the object's end); raise NotFound."""
        try:
            data = self.objects[key]
        except KeyError:
            raise NotFound(f"no object {key} in memory") from None
        start = max(0, len(data) + start) if start < 0 else start
        return data[start:] if length is None else data[start : start + length]

    def size(self, key: str) -> int | None:
        """Return the object's size in bytes, None if it does not exist."""
        data = self.objects.get(key)
        return None if data is None else len(data)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key starts with `prefix`, in key order."""
        for key in sorted(self.objects):
            if key.startswith(prefix) and (data := self.objects.get(key)) is not None:
                yield StoredObject(key, len(data))

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if it is not there."""
        with self._lock:
            self.objects.pop(key, None)


class MemoryCatalogue:
    """Chunk index and ledger in dictionaries; every call is atomic."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._chunks: dict[ChunkId, Place] = {}
        self._packs: dict[PackId, PackRow] = {}
        self._records: dict[SnapshotId, Record] = {}
        self._retired: dict[SnapshotId, datetime] = {}
        self._locks: dict[str, tuple[str, datetime]] = {}
        self._epoch = 1

    # --- chunk index ------------------------------------------------------------------------------------------------

    def usable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places in LIVE packs."""
        return self._places(chunks, {PackState.LIVE})

    def readable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places in LIVE or CONDEMNED packs."""
        return self._places(chunks, {PackState.LIVE, PackState.CONDEMNED})

    def named(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places that rows name."""
        with self._lock:
            return {chunk: self._chunks[chunk] for chunk in chunks if chunk in self._chunks}

    def _places(self, chunks: Collection[ChunkId], states: set[PackState]) -> dict[ChunkId, Place]:
        with self._lock:
            places = self.named(chunks)
            return {chunk: place for chunk, place in places.items() if self._state(place.pack) in states}

    def _state(self, pack: PackId) -> PackState | None:
        row = self._packs.get(pack)
        return row.state if row else None

    def announce(self, row: PackRow) -> bool:
        """Write `row` as PENDING; False if the pack has a row already."""
        with self._lock:
            if row.pack in self._packs:
                return False
            self._packs[row.pack] = row._replace(state=PackState.PENDING, epoch=None)
            return True

    def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> int:
        """Make the pack LIVE, then point each chunk at it; raise Conflict if it was collected."""
        with self._lock:
            if self._state(pack) not in (PackState.PENDING, PackState.LIVE):
                raise Conflict(f"pack {pack} was collected while it was stored; store its content again")
            self._packs[pack] = self._packs[pack]._replace(state=PackState.LIVE)
            won = 0
            for ordinal, chunk in enumerate(chunks):
                held = self._chunks.get(chunk)
                if held is None or self._state(held.pack) is not PackState.LIVE:
                    self._chunks[chunk] = Place(pack, ordinal)
                won += self._chunks[chunk].pack == pack
            return won

    def move(self, chunks: Mapping[ChunkId, Place], from_pack: PackId) -> int:
        """Point chunks that still name `from_pack` at their new places, where the new pack is LIVE."""
        with self._lock:
            moved = {
                chunk: place
                for chunk, place in chunks.items()
                if chunk in self._chunks
                and self._chunks[chunk].pack == from_pack
                and self._state(place.pack) is PackState.LIVE
            }
            self._chunks |= moved
            return len(moved)

    def packs(self) -> Iterator[PackRow]:
        """Yield every pack row."""
        with self._lock:
            rows = list(self._packs.values())
        yield from rows

    def condemn(self, row: PackRow, epoch: int) -> bool:
        """LIVE or PENDING -> CONDEMNED with `epoch`; an unknown pack gets such a row; Conflict on another epoch."""
        with self._lock:
            if epoch != self._epoch:
                raise Conflict(f"the epoch is {self._epoch} now, not {epoch}; read it again")
            known = self._packs.get(row.pack, row._replace(state=PackState.PENDING))
            if known.state not in (PackState.LIVE, PackState.PENDING):
                return False
            self._packs[row.pack] = known._replace(state=PackState.CONDEMNED, epoch=epoch)
            return True

    def revive(self, pack: PackId) -> bool:
        """CONDEMNED -> LIVE; False if the state forbade it."""
        with self._lock:
            if self._state(pack) is not PackState.CONDEMNED:
                return False
            self._packs[pack] = self._packs[pack]._replace(state=PackState.LIVE, epoch=None)
            return True

    def begin_delete(self, pack: PackId, epoch: int) -> bool:
        """CONDEMNED with `epoch`, or DELETING -> DELETING; False if the pack was anything else."""
        with self._lock:
            row = self._packs.get(pack)
            condemned = row is not None and row.state is PackState.CONDEMNED and row.epoch == epoch
            if row is None or not (condemned or row.state is PackState.DELETING):
                return False
            self._packs[pack] = row._replace(state=PackState.DELETING)
            return True

    def unpoint(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        """Remove those of the chunk rows that still name this pack."""
        with self._lock:
            for chunk in chunks:
                if chunk in self._chunks and self._chunks[chunk].pack == pack:
                    del self._chunks[chunk]

    def remove(self, pack: PackId) -> None:
        """Remove a DELETING pack's row."""
        with self._lock:
            if self._state(pack) is PackState.DELETING:
                del self._packs[pack]

    # --- ledger -----------------------------------------------------------------------------------------------------

    def epoch(self) -> int:
        """Return the current epoch, 1 at first."""
        return self._epoch

    def advance_epoch(self) -> int:
        """Add one to the epoch, atomically, and return the new one."""
        with self._lock:
            self._epoch += 1
            return self._epoch

    def begin(self, record: Record) -> None:
        """Write a RUNNING record; raise Conflict if the id exists."""
        with self._lock:
            if record.id in self._records:
                raise Conflict(f"session {record.id} exists already; begin one with another id")
            self._records[record.id] = record

    def import_record(self, record: Record) -> None:
        """Write a record as it is, if the id is absent."""
        with self._lock:
            self._records.setdefault(record.id, record)

    def heartbeat(
        self, id_: SnapshotId, lease_until: datetime, figures: Mapping[str, int | float | str] | None = None
    ) -> None:
        """Extend the lease, with new figures if given; raise LeaseLost if the record is no longer RUNNING."""
        with self._lock:
            record = self._running(id_)
            noted = record.figures if figures is None else dict(figures)
            self._records[id_] = record._replace(lease_until=lease_until, figures=noted)

    def finish(
        self, id_: SnapshotId, status: Status, finished: datetime, figures: Mapping[str, int | float | str]
    ) -> None:
        """RUNNING -> `status`; repeating a finish that stands is fine; raise LeaseLost if it was not RUNNING."""
        with self._lock:
            held = self._records.get(id_)
            if held is None or held.status is not status:
                record = self._running(id_)
                self._records[id_] = record._replace(status=status, finished=finished, figures=dict(figures))

    def _running(self, id_: SnapshotId) -> Record:
        record = self._records.get(id_)
        if record is None or record.status is not Status.RUNNING:
            raise LeaseLost(f"session {id_} is no longer RUNNING: its lease ended; run the backup again")
        return record

    def abandon(self, id_: SnapshotId, now: datetime) -> bool:
        """RUNNING with a lease that ended before `now` -> ABANDONED; False if it was not so."""
        with self._lock:
            record = self._records.get(id_)
            if record is None or record.status is not Status.RUNNING or record.lease_until >= now:
                return False
            self._records[id_] = record._replace(status=Status.ABANDONED, finished=now)
            return True

    def get(self, ids: Collection[SnapshotId]) -> dict[SnapshotId, Record]:
        """Return the records that exist."""
        with self._lock:
            return {id_: self._records[id_] for id_ in ids if id_ in self._records}

    def active(self) -> list[Record]:
        """Return every RUNNING record."""
        return self._of(frozenset({Status.RUNNING}))

    def completed(self, user: str | None = None) -> list[Record]:
        """Return COMPLETED records, newest first by (start, id); of one user if given."""
        records = [record for record in self._of(frozenset({Status.COMPLETED})) if user is None or record.user == user]
        return sorted(records, key=lambda record: (record.start, record.id), reverse=True)

    def completed_by(self, user: str, host: str) -> Iterator[Record]:
        """Yield one user's COMPLETED records of one host, newest first."""
        return (record for record in self.completed(user) if record.host == host)

    def ended(self) -> list[Record]:
        """Return every FORGOTTEN, FAILED or ABANDONED record that was not retired."""
        return [record for record in self._of(ENDINGS) if record.id not in self._retired]

    def _of(self, statuses: frozenset[Status]) -> list[Record]:
        with self._lock:
            return [record for record in self._records.values() if record.status in statuses]

    def forget(self, ids: Collection[SnapshotId]) -> None:
        """COMPLETED -> FORGOTTEN for each; others are left as they are."""
        with self._lock:
            for record in self.get(ids).values():
                if record.status is Status.COMPLETED:
                    self._records[record.id] = record._replace(status=Status.FORGOTTEN)

    def retire(self, ids: Collection[SnapshotId], expires: datetime) -> None:
        """Let ended records vanish after `expires`."""
        with self._lock:
            self._retired |= {record.id: expires for record in self.get(ids).values() if record.status in ENDINGS}

    def lock(self, name: str, owner: str, until: datetime, now: datetime) -> None:
        """Take or extend the named exclusive lock until `until`; raise Conflict if another holds it beyond `now`."""
        with self._lock:
            holder, end = self._locks.get(name, (owner, now))
            if holder != owner and end > now:
                raise already_held(name, holder, end.isoformat())
            self._locks[name] = (owner, until)

    def unlock(self, name: str, owner: str) -> None:
        """Release the lock if this owner holds it."""
        with self._lock:
            if self._locks.get(name, ("",))[0] == owner:
                del self._locks[name]
