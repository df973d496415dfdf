"""Reading a catalogue that cannot be written: another's repository, a copy on a read-only medium.

SQLite reads a file with a log (https://sqlite.org/wal.html, section 8) either beside its writers, through the two files
they share, or as one that nobody changes. Nothing is ever made here: what a reader made, the writer could not change.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.errors import StoreDenied, StoreUnavailable


class _Look(NamedTuple):
    """What tells whether anybody changed the file; `log` and `shared` are the sizes of what its writers share."""

    size: int
    inode: int
    mtime_ns: int
    log: int
    shared: int


def read_unwritable(
    path: Path, sql: str, parameters: Sequence[Any], *, schema: str, patience_seconds: float
) -> list[Any]:
    """Return the rows as they were at one moment, whoever writes meanwhile; of no file yet, those of a new catalogue.

    Raises:
        StoreDenied: the last changes are in a log that cannot be used.
        StoreUnavailable: it kept changing for `patience_seconds`.
        sqlite3.Error: it is no catalogue.
    """
    give_up = time.monotonic() + patience_seconds
    while time.monotonic() < give_up:
        before = _look(path)
        try:
            rows = _rows(path, before, sql, parameters, schema)
        except sqlite3.Error:
            if _look(path) == before:
                raise
        else:
            if before.log or _look(path) == before:
                return rows
    raise StoreUnavailable(f"catalogue {path}: others kept changing it: try again later")


def _rows(path: Path, look: _Look, sql: str, parameters: Sequence[Any], schema: str) -> list[Any]:
    db = sqlite3.connect(_address(path, look), uri=True, timeout=0, isolation_level=None)
    try:
        if not look.size:
            db.executescript(schema)
        return db.execute(sql, parameters).fetchall()
    finally:
        db.close()


def _address(path: Path, look: _Look) -> str:
    if not look.size:
        return ":memory:"
    file = f"{path.absolute().as_uri()}?mode=ro"
    if not look.log:
        return f"{file}&immutable=1"
    if not look.shared:
        raise StoreDenied(
            f"catalogue {path}: its last changes are in {path.name}-wal, which cannot be used without {path.name}-shm "
            "where nothing can be written: copy that too, or copy the repository to where it can be written"
        )
    return file


def _look(path: Path) -> _Look:
    log, shared = (_size(path.with_name(path.name + ending)) for ending in ("-wal", "-shm"))
    try:
        found = path.stat()
    except FileNotFoundError:
        return _Look(0, 0, 0, log, shared)
    return _Look(found.st_size, found.st_ino, found.st_mtime_ns, log, shared)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
