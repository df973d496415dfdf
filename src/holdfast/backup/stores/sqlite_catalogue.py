"""The chunk index and the ledger in one SQLite file, for many processes of one machine."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.ports import PackKind, PackRow, PackState, Record, Status
from holdfast.backup.stores.turns import FileTurn, GroupCommit, Job
from holdfast.errors import Conflict, HoldfastError, IntegrityError, LeaseLost, StoreDenied, StoreUnavailable

T = TypeVar("T")
BUSY_SECONDS = 60.0
"""How long a writer waits for its turn before it gives up."""
FIRST_PAUSE = 0.02
HALVED_AFTER = 0.05
SHORTEST_PAUSE = 0.001
"""A waiter's pause, seconds: half the first after `HALVED_AFTER`, then less and less."""
LOOKUP_BATCH = 500
PAGE = 16
"""Records read at a time by who mostly wants the newest."""
SCHEMA_VERSION = 1
SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS packs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, pack BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, size INTEGER NOT NULL,
    session TEXT NOT NULL, state TEXT NOT NULL, epoch INTEGER);
CREATE TABLE IF NOT EXISTS chunks (
    chunk BLOB PRIMARY KEY, number INTEGER NOT NULL, ordinal INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, host TEXT NOT NULL, start TEXT NOT NULL, lease_until TEXT NOT NULL,
    epoch INTEGER NOT NULL, parent TEXT, status TEXT NOT NULL, finished TEXT, figures TEXT NOT NULL,
    expires TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_by_status ON records (status, user, start);
CREATE TABLE IF NOT EXISTS locks (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epochs (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL);
INSERT OR IGNORE INTO epochs VALUES (1, 1);
PRAGMA user_version = 1;
"""
RECORD_COLUMNS = "id, user, host, start, lease_until, epoch, parent, status, finished, figures"

# SQLite's primary result codes (https://sqlite.org/rescode.html) and what they mean to a caller.
MEANING: Mapping[int, tuple[type[HoldfastError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreUnavailable, "others kept it locked: try again later"),
    sqlite3.SQLITE_LOCKED: (StoreUnavailable, "others kept it locked: try again later"),
    sqlite3.SQLITE_FULL: (StoreUnavailable, "the disk is full: free some space, then run it again"),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "the disk failed to answer: look at the system's log"),
    sqlite3.SQLITE_NOMEM: (StoreUnavailable, "memory ran out"),
    sqlite3.SQLITE_INTERRUPT: (StoreUnavailable, "it was interrupted: try again"),
    sqlite3.SQLITE_PROTOCOL: (StoreUnavailable, "its locks do not work: is it on a network file system?"),
    sqlite3.SQLITE_READONLY: (StoreDenied, "it is read-only: check its owner and mode"),
    sqlite3.SQLITE_PERM: (StoreDenied, "permission denied: check its owner and mode"),
    sqlite3.SQLITE_CANTOPEN: (StoreDenied, "it cannot be opened: check its owner and mode"),
    sqlite3.SQLITE_AUTH: (StoreDenied, "permission denied: check its owner and mode"),
    sqlite3.SQLITE_CORRUPT: (IntegrityError, "it is damaged: move it away and run `holdfast repo rebuild`"),
    sqlite3.SQLITE_NOTADB: (IntegrityError, "it is no catalogue: move it away and run `holdfast repo rebuild`"),
    sqlite3.SQLITE_SCHEMA: (IntegrityError, "its tables are not ours: move it away and run `holdfast repo rebuild`"),
    sqlite3.SQLITE_ERROR: (IntegrityError, "its tables are not ours: move it away and run `holdfast repo rebuild`"),
}


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the catalogue into Holdfast's; programming errors keep rising."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code not in MEANING or isinstance(error, sqlite3.ProgrammingError):
            raise
        kind, advice = MEANING[code]
        raise kind(f"catalogue {path}: {advice}") from error


class SqliteCatalogue:
    """Chunk index and ledger of one local repository. Each change is one durable transaction.

    Any number of processes and threads may use one file; each thread has a connection of its own.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float = BUSY_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._path = path
        self._busy_seconds = busy_seconds
        self._local = threading.local()
        self._turn = FileTurn(path.with_name(f"{path.name}-turn"))
        self._commits = GroupCommit(self._commit, patience_seconds=busy_seconds)
        self.epoch()  # fails here, with a clear line, if the file is no catalogue

    # --- connection -------------------------------------------------------------------------------------------------

    def _connection(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = sqlite3.connect(self._path, timeout=0, isolation_level=None)
            self._patiently(lambda: db.execute("PRAGMA synchronous=FULL"))
            if self._patiently(lambda: db.execute("PRAGMA user_version").fetchone()) != (SCHEMA_VERSION,):
                self._patiently(lambda: db.executescript(SCHEMA))
            self._local.db = db
        return db

    def _patiently(self, call: Callable[[], T]) -> T:
        """Call until it is our turn: who has waited longer asks more often, so that nobody starves."""
        began = time.monotonic()
        while True:
            try:
                return call()
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not busy or time.monotonic() > began + self._busy_seconds:
                    raise
            pause = max(SHORTEST_PAUSE, FIRST_PAUSE / (1 + (time.monotonic() - began) / HALVED_AFTER))
            time.sleep(random.uniform(0.5, 1) * pause)  # noqa: S311 - no secret

    def _write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `change` returns once it is durable; changes that wait together are committed together."""
        try:
            return self._commits.settle(Job(change))
        except TimeoutError as error:
            raise StoreUnavailable(f"catalogue {self._path}: others kept it locked: try again later") from error

    def _commit(self, jobs: list[Job[Any]]) -> None:
        """Run jobs in one transaction, each undone by itself if it fails, and settle them when it is durable."""
        try:
            with self._turn.taken(self._busy_seconds), sqlite_errors(self._path):
                failed = self._transaction(jobs)
        except HoldfastError as error:
            for job in jobs:
                job.settle(error)
        else:
            for job in jobs:
                job.settle(failed.get(job))

    def _transaction(self, jobs: list[Job[Any]]) -> dict[Job[Any], Exception]:
        db = self._connection()
        self._patiently(lambda: db.execute("BEGIN IMMEDIATE"))
        failed: dict[Job[Any], Exception] = {}
        try:
            for job in jobs:
                db.execute("SAVEPOINT job")
                try:
                    job.attempt(db)
                except HoldfastError as error:
                    failed[job] = error
                    db.execute("ROLLBACK TO job")
                db.execute("RELEASE job")
            self._patiently(lambda: db.execute("COMMIT"))
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return failed

    def _read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with sqlite_errors(self._path):
            db = self._connection()
            return self._patiently(lambda: db.execute(sql, parameters).fetchall())

    def close(self) -> None:
        """Close this thread's connection."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is not None:
            db.close()
            self._local.db = None

    # --- chunk index ------------------------------------------------------------------------------------------------

    def usable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places in LIVE packs; a chunk elsewhere or nowhere is left out: store it (again)."""
        return self._places(chunks, (PackState.LIVE,))

    def readable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places in LIVE or CONDEMNED packs: what a restore may read now."""
        return self._places(chunks, (PackState.LIVE, PackState.CONDEMNED))

    def _places(self, chunks: Collection[ChunkId], states: tuple[PackState, ...]) -> dict[ChunkId, Place]:
        found: dict[ChunkId, Place] = {}
        rest = iter(chunks)
        while batch := list(islice(rest, LOOKUP_BATCH)):
            rows = self._read(
                f"SELECT chunk, pack, ordinal FROM chunks JOIN packs USING (number) "  # noqa: S608 - only marks
                f"WHERE chunk IN ({_marks(batch)}) AND state IN ({_marks(states)})",
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
            current = _epoch(db)
            if current != epoch:
                raise Conflict(f"the epoch is {current} now, not {epoch}; read it again")
            if _insert_pack(db, row, PackState.CONDEMNED, epoch):
                return True
            return _changed(
                db,
                "UPDATE packs SET state = 'CONDEMNED', epoch = ? WHERE pack = ? AND state IN ('LIVE', 'PENDING')",
                (epoch, bytes.fromhex(row.pack)),
            )

        return self._write(change)

    def revive(self, pack: PackId) -> bool:
        """CONDEMNED -> LIVE; False if the state forbade it."""
        sql = "UPDATE packs SET state = 'LIVE', epoch = NULL WHERE pack = ? AND state = 'CONDEMNED'"
        return self._write(lambda db: _changed(db, sql, (bytes.fromhex(pack),)))

    def begin_delete(self, pack: PackId, epoch: int) -> bool:
        """CONDEMNED with `epoch`, or DELETING -> DELETING; False if the pack was anything else."""
        sql = (
            "UPDATE packs SET state = 'DELETING' "
            "WHERE pack = ? AND (state = 'DELETING' OR (state = 'CONDEMNED' AND epoch = ?))"
        )
        return self._write(lambda db: _changed(db, sql, (bytes.fromhex(pack), epoch)))

    def unpoint(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        """Remove those of the chunk rows that still name this pack; others are left as they are."""

        def change(db: sqlite3.Connection) -> None:
            number, _ = _pack(db, pack)
            db.executemany("DELETE FROM chunks WHERE chunk = ? AND number = ?", [(chunk, number) for chunk in chunks])

        self._write(change)

    def remove(self, pack: PackId) -> None:
        """Remove a DELETING pack's row, after its chunk rows and its object."""
        sql = "DELETE FROM packs WHERE pack = ? AND state = 'DELETING'"
        self._write(lambda db: _changed(db, sql, (bytes.fromhex(pack),)))

    # --- ledger -----------------------------------------------------------------------------------------------------

    def epoch(self) -> int:
        """Return the current epoch, 1 at first."""
        return int(self._read("SELECT epoch FROM epochs")[0][0])

    def advance_epoch(self) -> int:
        """Add one to the epoch, atomically, and return the new one."""

        def change(db: sqlite3.Connection) -> int:
            db.execute("UPDATE epochs SET epoch = epoch + 1")
            return _epoch(db)

        return self._write(change)

    def begin(self, record: Record) -> None:
        """Write a RUNNING record; raise Conflict if the id exists."""
        if not self._write(lambda db: _insert_record(db, record)):
            raise Conflict(f"session {record.id} exists already; begin one with another id")

    def import_record(self, record: Record) -> None:
        """Write a record as it is, if the id is absent."""
        self._write(lambda db: _insert_record(db, record))

    def heartbeat(self, id_: SnapshotId, lease_until: datetime) -> None:
        """Extend the lease; raise LeaseLost if the record is no longer RUNNING."""
        sql = "UPDATE records SET lease_until = ? WHERE id = ? AND status = 'RUNNING'"
        if not self._write(lambda db: _changed(db, sql, (_text(lease_until), id_))):
            raise _lost(id_)

    def finish(
        self, id_: SnapshotId, status: Status, finished: datetime, figures: Mapping[str, int | float | str]
    ) -> None:
        """RUNNING -> `status`; repeating a finish that stands is fine; raise LeaseLost if it was not RUNNING."""

        def change(db: sqlite3.Connection) -> bool:
            return _changed(
                db,
                "UPDATE records SET status = ?, finished = ?, figures = ? WHERE id = ? AND status = 'RUNNING'",
                (status, _text(finished), json.dumps(dict(figures)), id_),
            ) or bool(db.execute("SELECT 1 FROM records WHERE id = ? AND status = ?", (id_, status)).fetchone())

        if not self._write(change):
            raise _lost(id_)

    def abandon(self, id_: SnapshotId, now: datetime) -> bool:
        """RUNNING with a lease that ended before `now` -> ABANDONED; False if it was not so."""
        sql = (
            "UPDATE records SET status = 'ABANDONED', finished = ? "
            "WHERE id = ? AND status = 'RUNNING' AND lease_until < ?"
        )
        return self._write(lambda db: _changed(db, sql, (_text(now), id_, _text(now))))

    def get(self, ids: Collection[SnapshotId]) -> dict[SnapshotId, Record]:
        """Return the records that exist."""
        found: list[Record] = []
        rest = iter(ids)
        while batch := list(islice(rest, LOOKUP_BATCH)):
            found += self._records(f"id IN ({_marks(batch)})", batch)
        return {record.id: record for record in found}

    def active(self) -> list[Record]:
        """Return every RUNNING record."""
        return self._records("status = 'RUNNING'", ())

    def completed(self, user: str | None = None) -> list[Record]:
        """Return COMPLETED records, newest first by (start, id); of one user if given."""
        where, parameters = ("", []) if user is None else (" AND user = ?", [user])
        return self._records(f"status = 'COMPLETED'{where} ORDER BY start DESC, id DESC", parameters)

    def completed_by(self, user: str, host: str) -> Iterator[Record]:
        """Yield one user's COMPLETED records of one host, newest first, a few read at a time."""
        where = "status = 'COMPLETED' AND user = ? AND host = ? ORDER BY start DESC, id DESC LIMIT ? OFFSET ?"
        taken = 0
        while page := self._records(where, (user, host, PAGE, taken)):
            yield from page
            taken += len(page)

    def ended(self) -> list[Record]:
        """Return every FORGOTTEN, FAILED or ABANDONED record that was not retired."""
        return self._records("status IN ('FORGOTTEN', 'FAILED', 'ABANDONED') AND expires IS NULL", ())

    def _records(self, where: str, parameters: Sequence[Any]) -> list[Record]:
        rows = self._read(f"SELECT {RECORD_COLUMNS} FROM records WHERE {where}", parameters)  # noqa: S608 - only marks
        return [_to_record(row) for row in rows]

    def forget(self, ids: Collection[SnapshotId]) -> None:
        """COMPLETED -> FORGOTTEN for each; others are left as they are."""
        sql = "UPDATE records SET status = 'FORGOTTEN' WHERE id = ? AND status = 'COMPLETED'"
        self._write(lambda db: db.executemany(sql, [(id_,) for id_ in ids]))

    def retire(self, ids: Collection[SnapshotId], expires: datetime) -> None:
        """Let ended records vanish after `expires`; those whose time has come go now."""
        sql = (
            "UPDATE records SET expires = ? WHERE id = ? AND expires IS NULL "
            "AND status IN ('FORGOTTEN', 'FAILED', 'ABANDONED')"
        )

        def change(db: sqlite3.Connection) -> None:
            db.executemany(sql, [(_text(expires), id_) for id_ in ids])
            db.execute("DELETE FROM records WHERE expires < ?", (_text(self._now()),))

        self._write(change)

    def lock(self, name: str, owner: str, until: datetime, now: datetime) -> None:
        """Take or extend the named exclusive lock until `until`; raise Conflict if another holds it beyond `now`."""

        def change(db: sqlite3.Connection) -> tuple[str, str] | None:
            held: tuple[str, str] | None = db.execute(
                "SELECT owner, until FROM locks WHERE name = ? AND owner != ? AND until > ?", (name, owner, _text(now))
            ).fetchone()
            if held is None:
                db.execute("INSERT OR REPLACE INTO locks VALUES (?, ?, ?)", (name, owner, _text(until)))
            return held

        if held := self._write(change):
            raise Conflict(f"{name} is being done by {held[0]} until {held[1]}; try again then")

    def unlock(self, name: str, owner: str) -> None:
        """Release the lock if this owner holds it."""
        sql = "DELETE FROM locks WHERE name = ? AND owner = ?"
        self._write(lambda db: _changed(db, sql, (name, owner)))


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _changed(db: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> bool:
    return db.execute(sql, parameters).rowcount > 0


def _epoch(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT epoch FROM epochs").fetchone()[0])


def _pack(db: sqlite3.Connection, pack: PackId) -> tuple[int, str | None]:
    row = db.execute("SELECT number, state FROM packs WHERE pack = ?", (bytes.fromhex(pack),)).fetchone()
    return row or (-1, None)


def _batches(chunks: Sequence[ChunkId]) -> Iterator[Sequence[ChunkId]]:
    return (chunks[at : at + LOOKUP_BATCH] for at in range(0, len(chunks), LOOKUP_BATCH))


def _count_held(db: sqlite3.Connection, number: int, chunks: Sequence[ChunkId]) -> int:
    sql = f"SELECT count(*) FROM chunks WHERE number = ? AND chunk IN ({_marks(chunks)})"  # noqa: S608 - only marks
    return int(db.execute(sql, [number, *chunks]).fetchone()[0])


def _insert_pack(db: sqlite3.Connection, row: PackRow, state: PackState, epoch: int | None) -> bool:
    return _changed(
        db,
        "INSERT OR IGNORE INTO packs (pack, kind, size, session, state, epoch) VALUES (?, ?, ?, ?, ?, ?)",
        (bytes.fromhex(row.pack), row.kind, row.size, row.session, state, epoch),
    )


def _insert_record(db: sqlite3.Connection, record: Record) -> bool:
    return _changed(
        db,
        f"INSERT OR IGNORE INTO records ({RECORD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            record.id,
            record.user,
            record.host,
            _text(record.start),
            _text(record.lease_until),
            record.epoch,
            record.parent,
            record.status,
            record.finished and _text(record.finished),
            json.dumps(dict(record.figures)),
        ),
    )


def _to_record(row: Sequence[Any]) -> Record:
    id_, user, host, start, lease_until, epoch, parent, status, finished, figures = row
    return Record(
        id=SnapshotId(id_),
        user=user,
        host=host,
        start=datetime.fromisoformat(start),
        lease_until=datetime.fromisoformat(lease_until),
        epoch=epoch,
        parent=parent and SnapshotId(parent),
        status=Status(status),
        finished=finished and datetime.fromisoformat(finished),
        figures=json.loads(figures),
    )


def _text(time_: datetime) -> str:
    return time_.astimezone(UTC).isoformat(timespec="microseconds")


def _lost(id_: SnapshotId) -> LeaseLost:
    return LeaseLost(f"session {id_} is no longer RUNNING: its lease ended; run the backup again")
