"""The chunk index in SQLite: packs, and the one place of each chunk."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.ports import PackKind, PackRow, PackState
from holdfast.backup.stores.sqlite_file import LOOKUP_BATCH, SqliteFile, changed, epoch_of, marks
from holdfast.errors import Conflict


class SqliteChunkIndex(SqliteFile):
    """A chunk index; each change is one durable transaction."""

    def usable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places in LIVE packs; a chunk elsewhere or nowhere is left out: store it (again)."""
        return self._places(chunks, (PackState.LIVE,))

    def readable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places in LIVE or CONDEMNED packs: what a restore may read now."""
        return self._places(chunks, (PackState.LIVE, PackState.CONDEMNED))

    def named(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places that rows name, whatever became of the packs."""
        return self._places(chunks, tuple(PackState))

    def _places(self, chunks: Collection[ChunkId], states: tuple[PackState, ...]) -> dict[ChunkId, Place]:
        found: dict[ChunkId, Place] = {}
        rest = iter(chunks)
        while batch := list(islice(rest, LOOKUP_BATCH)):
            rows = self._read(
                f"SELECT chunk, pack, ordinal FROM chunks JOIN packs USING (number) "  # noqa: S608 - only marks
                f"WHERE chunk IN ({marks(batch)}) AND state IN ({marks(states)})",
                [*batch, *states],
            )
            found |= {ChunkId(chunk): Place(PackId(pack.hex()), ordinal) for chunk, pack, ordinal in rows}
        return found

    def announce(self, row: PackRow) -> bool:
        """Write `row` as PENDING, before its object is put; False if the pack has a row already (that row stands)."""
        return self._write(lambda db: _insert_pack(db, row, PackState.PENDING, None))

    def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> int:
        """Make the pack LIVE and point its chunks at it, in one transaction; return how many places it won.

        Raises:
            Conflict: the pack has no row, or is condemned.
        """

        def change(db: sqlite3.Connection) -> int:
            number, state = _pack(db, pack)
            if state not in (PackState.PENDING, PackState.LIVE):
                raise Conflict(f"pack {pack} was collected while it was stored; store its content again")
            db.execute("UPDATE packs SET state = ? WHERE number = ?", (PackState.LIVE, number))
            db.executemany(
                "INSERT INTO chunks VALUES (?, ?, ?) ON CONFLICT (chunk) DO UPDATE "
                "SET number = excluded.number, ordinal = excluded.ordinal "
                "WHERE chunks.number != excluded.number AND NOT EXISTS "
                "(SELECT 1 FROM packs WHERE packs.number = chunks.number AND state = 'LIVE')",
                ((chunk, number, ordinal) for ordinal, chunk in enumerate(chunks)),
            )
            return sum(_count_held(db, number, batch) for batch in _batches(chunks))

        return self._write(change)

    def move(self, chunks: Mapping[ChunkId, Place], from_pack: PackId) -> int:
        """Point chunks that still name `from_pack` at their new places, where the new pack is LIVE."""

        def change(db: sqlite3.Connection) -> int:
            before, _ = _pack(db, from_pack)
            after = {pack: _pack(db, pack) for pack in {place.pack for place in chunks.values()}}
            return sum(
                db.execute(
                    "UPDATE chunks SET number = ?, ordinal = ? WHERE chunk = ? AND number = ?",
                    (after[place.pack][0], place.ordinal, chunk, before),
                ).rowcount
                for chunk, place in chunks.items()
                if after[place.pack][1] == PackState.LIVE
            )

        return self._write(change)

    def packs(self) -> Iterator[PackRow]:
        """Yield every pack row."""
        for pack, kind, size, session, state, epoch in self._read(
            "SELECT pack, kind, size, session, state, epoch FROM packs ORDER BY pack"
        ):
            yield PackRow(
                pack=PackId(pack.hex()),
                kind=PackKind(kind),
                size=size,
                session=SnapshotId(session),
                state=PackState(state),
                epoch=epoch,
            )

    def condemn(self, row: PackRow, epoch: int) -> bool:
        """LIVE or PENDING -> CONDEMNED with `epoch`; an unknown pack gets such a row. False if the state forbade it.

        Raises:
            Conflict: the ledger's epoch is another one.
        """

        def change(db: sqlite3.Connection) -> bool:
            current = epoch_of(db)
            if current != epoch:
                raise Conflict(f"the epoch is {current} now, not {epoch}; read it again")
            if _insert_pack(db, row, PackState.CONDEMNED, epoch):
                return True
            return changed(
                db,
                "UPDATE packs SET state = 'CONDEMNED', epoch = ? WHERE pack = ? AND state IN ('LIVE', 'PENDING')",
                (epoch, bytes.fromhex(row.pack)),
            )

        return self._write(change)

    def revive(self, pack: PackId) -> bool:
        """CONDEMNED -> LIVE; False if the state forbade it."""
        sql = "UPDATE packs SET state = 'LIVE', epoch = NULL WHERE pack = ? AND state = 'CONDEMNED'"
        return self._write(lambda db: changed(db, sql, (bytes.fromhex(pack),)))

    def begin_delete(self, pack: PackId, epoch: int) -> bool:
        """CONDEMNED with `epoch`, or DELETING -> DELETING; False if the pack was anything else."""
        sql = (
            "UPDATE packs SET state = 'DELETING' "
            "WHERE pack = ? AND (state = 'DELETING' OR (state = 'CONDEMNED' AND epoch = ?))"
        )
        return self._write(lambda db: changed(db, sql, (bytes.fromhex(pack), epoch)))

    def unpoint(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        """Remove those of the chunk rows that still name this pack; others are left as they are."""

        def change(db: sqlite3.Connection) -> None:
            number, _ = _pack(db, pack)
            db.executemany("DELETE FROM chunks WHERE chunk = ? AND number = ?", [(chunk, number) for chunk in chunks])

        self._write(change)

    def remove(self, pack: PackId) -> None:
        """Remove a DELETING pack's row, after its chunk rows and its object."""
        sql = "DELETE FROM packs WHERE pack = ? AND state = 'DELETING'"
        self._write(lambda db: changed(db, sql, (bytes.fromhex(pack),)))


def _pack(db: sqlite3.Connection, pack: PackId) -> tuple[int, str | None]:
    row = db.execute("SELECT number, state FROM packs WHERE pack = ?", (bytes.fromhex(pack),)).fetchone()
    return row or (-1, None)


def _batches(chunks: Sequence[ChunkId]) -> Iterator[Sequence[ChunkId]]:
    return (chunks[at : at + LOOKUP_BATCH] for at in range(0, len(chunks), LOOKUP_BATCH))


def _count_held(db: sqlite3.Connection, number: int, chunks: Sequence[ChunkId]) -> int:
    sql = f"SELECT count(*) FROM chunks WHERE number = ? AND chunk IN ({marks(chunks)})"  # noqa: S608 - only marks
    return int(db.execute(sql, [number, *chunks]).fetchone()[0])


def _insert_pack(db: sqlite3.Connection, row: PackRow, state: PackState, epoch: int | None) -> bool:
    return changed(
        db,
        "INSERT OR IGNORE INTO packs (pack, kind, size, session, state, epoch) VALUES (?, ?, ?, ?, ?, ?)",
        (bytes.fromhex(row.pack), row.kind, row.size, row.session, state, epoch),
    )
