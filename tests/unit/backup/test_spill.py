"""What is noted on the way where the temporary folder has no room for it; what holds else is in `property`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from holdfast.backup import spill
from holdfast.backup.ids import ChunkId, PackId
from holdfast.backup.spill import ChunksByPack, ChunkSet
from holdfast.errors import StoreUnavailable

CHUNKS = [ChunkId(number.to_bytes(32, "big")) for number in range(2000)]
temporary = spill._temporary


def smallest() -> sqlite3.Connection:
    db = temporary()
    db.execute("PRAGMA max_page_count = 8")
    return db


def fill_a_set() -> None:
    ChunkSet(held=100).update(CHUNKS)


def held_back() -> ChunkSet:
    """Return a set whose chunks are still in memory, and whose file is small."""
    chunks = ChunkSet(held=len(CHUNKS))
    chunks.update(CHUNKS[:1])
    chunks._spill()
    chunks.update(CHUNKS[:-1])
    return chunks


def count_a_set() -> None:
    len(held_back())


def walk_a_set() -> None:
    list(held_back())


def fill_by_pack() -> None:
    by_pack = ChunksByPack(held=100)
    for ordinal, chunk in enumerate(CHUNKS):
        by_pack.add(PackId("ab" * 32), ordinal, chunk)


@pytest.mark.parametrize("work", [fill_a_set, count_a_set, walk_a_set, fill_by_pack])
def test_a_full_temporary_folder_is_one_line(monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> None:
    monkeypatch.setattr(spill, "_temporary", smallest)
    with pytest.raises(StoreUnavailable, match=r"temporary folder: database or disk is full; .* TMPDIR$"):
        work()
