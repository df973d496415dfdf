"""Collections of chunks that may be larger than memory should hold: what is beyond a bound lies in a temporary file.

A repository of 10 TB has some 80 million chunks. What prune and verify know of each would be gigabytes of Python
objects; here it is the worth of `HELD` chunks, and at most 50 bytes of temporary disk for each chunk.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Generic, TypeVar

from holdfast.backup.ids import ChunkId, PackId
from holdfast.errors import StoreUnavailable

HELD = 250_000
"""Chunks held in memory at most: about 30 MiB in a set, 9 MiB by pack."""
CACHE_KIB = 16 * 1024
FETCHED = 1000
ROW = struct.Struct("<I32s")


def _temporary() -> sqlite3.Connection:
    """Open a database that SQLite keeps in a temporary file, gone with the connection (sqlite.org/inmemorydb.html)."""
    db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    db.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE_KIB};")
    return db


@contextmanager
def _noting() -> Iterator[None]:
    """Tell in one line where there is no room for what is noted."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = (
            f"what is noted on the way cannot be kept in the temporary folder: {error}; free space there, some 50 bytes"
        )
        raise StoreUnavailable(f"{text} for each chunk, or name another folder by TMPDIR") from error


class ChunkSet:
    """A set of chunk ids that is added to, counted and walked; in memory up to `held` of them."""

    def __init__(self, *, held: int = HELD) -> None:
        self._held = held
        self._new: set[ChunkId] = set()
        self._db: sqlite3.Connection | None = None

    def update(self, chunks: Iterable[ChunkId]) -> None:
        """Add every one of `chunks`."""
        for chunk in chunks:
            self._new.add(chunk)
            if len(self._new) >= self._held:
                self._spill()

    @_noting()
    def _spill(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = _temporary()
            self._db.execute("CREATE TABLE chunks (chunk BLOB PRIMARY KEY) WITHOUT ROWID")
        rows = ((chunk,) for chunk in sorted(self._new))
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO chunks VALUES (?)", rows)
        self._db.execute("COMMIT")
        self._new.clear()
        return self._db

    @_noting()
    def __len__(self) -> int:
        if self._db is None:
            return len(self._new)
        return int(self._spill().execute("SELECT count(*) FROM chunks").fetchone()[0])

    def __iter__(self) -> Iterator[ChunkId]:
        if self._db is None:
            yield from self._new
            return
        with _noting():
            found = self._spill().execute("SELECT chunk FROM chunks")
            while rows := found.fetchmany(FETCHED):
                yield from (ChunkId(chunk) for (chunk,) in rows)


K = TypeVar("K", str, bytes)


class Buckets(Generic[K]):
    """Rows of bytes kept by bucket, in the order they were added; in memory up to `held` rows."""

    def __init__(self, *, held: int = HELD) -> None:
        self._held = held
        self._count = self._parts = 0
        self._filled: set[K] = set()
        self._new: dict[K, bytearray] = {}
        self._db: sqlite3.Connection | None = None

    def add(self, bucket: K, row: bytes) -> None:
        """Add one row to a bucket."""
        if bucket not in self._new:
            self._filled.add(bucket)
            self._new[bucket] = bytearray()
        self._new[bucket] += row
        self._count += 1
        if self._count >= self._held:
            self._spill()

    @_noting()
    def _spill(self) -> None:
        if self._db is None:
            self._db = _temporary()
            self._db.execute("CREATE TABLE rows (bucket NOT NULL, part INTEGER NOT NULL, rows BLOB NOT NULL)")
            self._db.execute("CREATE INDEX by_bucket ON rows (bucket, part)")
        self._db.execute("BEGIN")
        self._parts += 1
        rows = ((bucket, self._parts, data) for bucket, data in sorted(self._new.items()))
        self._db.executemany("INSERT INTO rows VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")
        self._new.clear()
        self._count = 0

    @_noting()
    def read(self, bucket: K) -> bytes:
        """Return the rows of a bucket, joined; none if nothing was added to it."""
        data = b""
        if self._db is not None and bucket in self._filled:
            parts = self._db.execute("SELECT rows FROM rows WHERE bucket = ? ORDER BY part", (bucket,)).fetchall()
            data = b"".join(part for (part,) in parts)
        return data + self._new.get(bucket, b"")

    @property
    def filled(self) -> Set[K]:
        """The buckets that hold something."""
        return self._filled


class ChunksByPack(Mapping[PackId, list[ChunkId]]):
    """The chunks of each pack with their ordinals, in the order they were added; in memory up to `held` of them."""

    def __init__(self, *, held: int = HELD) -> None:
        self._rows: Buckets[str] = Buckets(held=held)

    def add(self, pack: PackId, ordinal: int, chunk: ChunkId) -> None:
        """Add one chunk of a pack."""
        self._rows.add(pack, ROW.pack(ordinal, chunk))

    def placed(self, pack: PackId) -> list[tuple[int, ChunkId]]:
        """Return the ordinals and chunks of a pack, none if it is not known."""
        return [(ordinal, ChunkId(chunk)) for ordinal, chunk in ROW.iter_unpack(self._rows.read(pack))]

    def __getitem__(self, pack: PackId) -> list[ChunkId]:
        if pack not in self:
            raise KeyError(pack)
        return [chunk for _, chunk in self.placed(pack)]

    def __contains__(self, pack: object) -> bool:
        return pack in self._rows.filled

    def __iter__(self) -> Iterator[PackId]:
        return map(PackId, self._rows.filled)

    def __len__(self) -> int:
        return len(self._rows.filled)
