"""One SQLite file for many processes and threads: connections, transactions that wait their turn, errors."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from holdfast.backup.stores.turns import FileTurn, GroupCommit, Job
from holdfast.errors import HoldfastError, IntegrityError, StoreDenied, StoreUnavailable

T = TypeVar("T")
BUSY_SECONDS = 60.0
"""How long a writer waits for its turn before it gives up."""
FIRST_PAUSE = 0.02
HALVED_AFTER = 0.05
SHORTEST_PAUSE = 0.001
"""A waiter's pause, seconds: half the first after `HALVED_AFTER`, then less and less."""
LOOKUP_BATCH = 500
"""Values in one statement."""
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
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and is_full(path.parent):
            code = sqlite3.SQLITE_FULL  # of the file that its readers share SQLite says no more than that it failed
        kind, advice = MEANING[code]
        raise kind(f"catalogue {path}: {advice}") from error


def is_full(folder: Path) -> bool:
    """Tell whether the folder's file system has no block left, or no inode where it counts them."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail == 0 or (found.f_files > 0 and found.f_favail == 0)


def is_unwritable(path: Path) -> bool:
    """Tell whether this process may not write a file or, as SQLite does, make others beside it."""
    return any(one.exists() and not os.access(one, os.W_OK, effective_ids=True) for one in (path, path.parent))


class _OpenTransaction(threading.local):
    """The connection on which this thread makes its changes together, if it does."""

    db: sqlite3.Connection | None = None


class SqliteFile:
    """The catalogue's file: what is written is durable on return, and all of a change or nothing.

    Any number of processes and threads may use one file. A connection serves one thread at a time and then the next:
    as many are opened as are ever used at once, and `close` closes them all.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float = BUSY_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        is_unwritable: Callable[[Path], bool] = is_unwritable,
    ) -> None:
        self._now = now
        self._is_unwritable = is_unwritable(path)
        self._path = path
        self._busy_seconds = busy_seconds
        self._free: deque[sqlite3.Connection] = deque()
        self._open = _OpenTransaction()
        self._turn = FileTurn(path.with_name(f"{path.name}-turn"))
        self._commits = GroupCommit(self._commit, patience_seconds=busy_seconds)
        if not self._is_unwritable:
            _make_private(path)
        self._read("SELECT epoch FROM epochs")  # fails here, with a clear line, if the file is no catalogue

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection, the last one used first."""
        try:
            db = self._free.pop()
        except IndexError:
            db = self._opened()
        try:
            yield db
        finally:
            self._free.append(db)

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._patiently(lambda: db.execute("PRAGMA synchronous=FULL"))
            if self._patiently(lambda: db.execute("PRAGMA user_version").fetchone()) != (SCHEMA_VERSION,):
                self._patiently(lambda: db.executescript(SCHEMA))
        except BaseException:
            db.close()
            raise
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
            import random  # only who has to wait needs it

            time.sleep(random.uniform(0.5, 1) * pause)  # noqa: S311 - no secret

    def _write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `change` returns once it is durable; changes that wait together are committed together.

        Within `together` it is durable when that ends.
        """
        if self._open.db is not None:
            with _undone_if_it_fails(self._open.db):
                return change(self._open.db)
        self._require_writable()
        try:
            return self._commits.settle(Job(change))
        except TimeoutError as error:
            raise self._kept_locked() from error

    def _require_writable(self) -> None:
        if self._is_unwritable:
            raise StoreDenied(f"catalogue {self._path}: it can only be read: check its owner and mode, and the mount's")

    def _kept_locked(self) -> StoreUnavailable:
        return StoreUnavailable(f"catalogue {self._path}: others kept it locked: try again later")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make what this thread changes in the block one transaction, durable at its end: all of it or nothing.

        It reads there what it changed. Everybody else who wants to change something waits: keep it short.
        """
        self._require_writable()
        with ExitStack() as stack:
            try:
                stack.enter_context(self._turn.taken(self._busy_seconds))
            except TimeoutError as error:
                raise self._kept_locked() from error
            stack.enter_context(sqlite_errors(self._path))
            db = stack.enter_context(self._connected())
            with self._one_transaction(db):
                self._open.db = db
                try:
                    yield
                finally:
                    self._open.db = None

    def _commit(self, jobs: list[Job[Any]]) -> None:
        """Run jobs in one transaction, each undone by itself if it fails, and settle them when it is durable."""
        try:
            with self._turn.taken(self._busy_seconds), sqlite_errors(self._path), self._connected() as db:
                failed = self._transaction(db, jobs)
        except HoldfastError as error:
            for job in jobs:
                job.settle(error)
        else:
            for job in jobs:
                job.settle(failed.get(job))

    def _transaction(self, db: sqlite3.Connection, jobs: list[Job[Any]]) -> dict[Job[Any], Exception]:
        failed: dict[Job[Any], Exception] = {}
        with self._one_transaction(db):
            for job in jobs:
                try:
                    with _undone_if_it_fails(db):
                        job.attempt(db)
                except HoldfastError as error:
                    failed[job] = error
        return failed

    @contextmanager
    def _one_transaction(self, db: sqlite3.Connection) -> Iterator[None]:
        self._patiently(lambda: db.execute("BEGIN IMMEDIATE"))
        try:
            yield
            self._patiently(lambda: db.execute("COMMIT"))
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        mine = self._open.db
        if self._is_unwritable:
            return self._read_unwritable(sql, parameters)
        try:
            with sqlite_errors(self._path), self._connected() if mine is None else nullcontext(mine) as db:
                return self._patiently(lambda: db.execute(sql, parameters).fetchall())
        except StoreUnavailable:
            if mine is not None or not is_full(self._path.parent):
                raise
        return self._read_unwritable(sql, parameters)  # who must restore from a full disk cannot first free some

    def _read_unwritable(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        from holdfast.backup.stores.sqlite_unwritable import read_unwritable

        def read() -> list[Any]:
            return read_unwritable(self._path, sql, parameters, schema=SCHEMA, patience_seconds=self._busy_seconds)

        with sqlite_errors(self._path):
            return self._patiently(read)

    def close(self) -> None:
        """Close every connection; the log goes into the file if no other process has it open."""
        while self._free:
            self._free.pop().close()


def _make_private(path: Path) -> None:
    """Make the file, if there is none, one that only its owner reads, as the objects are; SQLite's own are like it."""
    with suppress(OSError):  # it is there, or cannot be: SQLite tells why
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


@contextmanager
def _undone_if_it_fails(db: sqlite3.Connection) -> Iterator[None]:
    """Undo what the block changed if it raises one of Holdfast's errors; on any other the caller undoes everything."""
    db.execute("SAVEPOINT job")
    try:
        yield
    except HoldfastError:
        db.execute("ROLLBACK TO job")
        db.execute("RELEASE job")
        raise
    db.execute("RELEASE job")


def marks(values: Collection[object]) -> str:
    """Return a question mark for each value, for a list in SQL."""
    return ", ".join("?" * len(values))


def changed(db: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> bool:
    """Run the statement; return whether it changed a row."""
    return db.execute(sql, parameters).rowcount > 0


def epoch_of(db: sqlite3.Connection) -> int:
    """Return the ledger's epoch as this transaction sees it."""
    return int(db.execute("SELECT epoch FROM epochs").fetchone()[0])
