from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import replace
from typing import Self

import pytest

from holdfast.backup.ids import ChunkId, Place, SnapshotId
from holdfast.backup.pack import pack_key
from holdfast.backup.ports import PackKind
from holdfast.backup.reader import ChunkReader, by_pack
from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryObjects
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import IntegrityError
from tests.support.repositories import any_repository, noise


class FarObjects(MemoryObjects):
    """Objects that count as remote, and note what is asked of them; `own` is what the thread that made them asked."""

    def __init__(self) -> None:
        super().__init__()
        self.gets: list[tuple[str, int, int | None]] = []
        self.own: list[tuple[str, int, int | None]] = []
        self._maker = threading.get_ident()

    def reconnected(self) -> Self:
        return self

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        self.gets.append((key, start, length))
        if threading.get_ident() == self._maker:
            self.own.append((key, start, length))
        return super().get(key, start, length)

    def ranges(self) -> list[tuple[int, int | None]]:
        """Return the ranges asked for but the packs' ends, and forget all."""
        asked, self.gets = [(start, length) for _, start, length in self.gets if start >= 0], []
        return asked


@pytest.fixture
def far() -> FarObjects:
    return FarObjects()


@pytest.fixture
def repository(far: FarObjects) -> Repository:
    return replace(any_repository(), objects=far)


def stored(repository: Repository, *sizes: int, kind: PackKind = PackKind.DATA) -> list[ChunkId]:
    """Store chunks of noise in one pack."""
    writer = ChunkWriter(repository, SnapshotId("session"))
    chunks = [writer.add(kind, noise(size, seed=n + len(sizes))) for n, size in enumerate(sizes)]
    writer.flush()
    return chunks


def test_what_lies_between_two_wanted_blocks_of_a_remote_pack_is_read_over(
    repository: Repository, far: FarObjects
) -> None:
    chunks = stored(repository, 300_000, 1_900_000, 300_000, 2_200_000, 300_000)
    far.gets.clear()
    found = dict(ChunkReader(repository).fetch([chunks[0], chunks[2], chunks[4]]))
    assert len(found) == 3
    assert len(far.gets) == 3  # the end, the first two with what is between them, the last
    (first, _), (second, _) = far.ranges()
    assert (first, second > 4_000_000) == (8, True)


def test_a_tree_in_a_remote_store_is_read_whole_at_its_first_node(repository: Repository, far: FarObjects) -> None:
    nodes = stored(repository, *[40_000] * 20, kind=PackKind.TREE)
    reader = ChunkReader(repository)
    far.gets.clear()
    for node in nodes:
        reader.read(node)
    assert len(far.gets) == 2


def test_a_node_of_a_tree_whose_pack_was_read_is_found_without_the_index(repository: Repository) -> None:
    nodes, data = stored(repository, *[40_000] * 3, kind=PackKind.TREE), stored(repository, 50_000, 50_001)
    asked = looked_up(repository)
    reader = ChunkReader(repository, by_footers=True, cache_bytes=0)
    for chunk in (*nodes, *data):
        reader.read(chunk)
    assert asked == [nodes[0], *data]


def test_a_node_whose_pack_was_read_and_is_gone_now_is_looked_up(repository: Repository, far: FarObjects) -> None:
    nodes = stored(repository, *[400_000] * 3, kind=PackKind.TREE)
    reader = ChunkReader(repository, by_footers=True, cache_bytes=0)
    reader.read(nodes[0])
    (row,) = repository.index.packs()
    repository.index.condemn(row, repository.ledger.epoch())
    far.delete(pack_key(row.pack))
    assert stored(repository, *[400_000] * 3, kind=PackKind.TREE) == nodes
    asked = looked_up(repository)
    assert len(reader.read(nodes[2])) == 400_000
    assert asked == [nodes[2]]


def looked_up(repository: Repository) -> list[ChunkId]:
    """Return the chunks that the index is asked for from now on, as they come."""
    asked: list[ChunkId] = []
    named = repository.index.named

    def note(chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        asked.extend(chunks)
        return named(chunks)

    vars(repository.index)["named"] = note
    return asked


def test_what_was_prepared_is_not_asked_for_again(repository: Repository, far: FarObjects) -> None:
    chunks = [*stored(repository, *[100_000] * 10), *stored(repository, *[110_000] * 10)]
    reader = ChunkReader(repository, cache_bytes=0)
    far.gets.clear()
    reader.prepare(by_pack(repository.index.readable(chunks)))
    for _ in range(2):
        assert [len(data) for _, data in reader.fetch(chunks[:5])] == [100_000] * 5
        assert [len(data) for _, data in reader.fetch(chunks[15:])] == [110_000] * 5
    assert len(far.gets) == 4  # of each pack its end, and the rest in one piece


def test_what_was_prepared_is_let_go_when_something_else_is(repository: Repository, far: FarObjects) -> None:
    packs = [stored(repository, *[100_000 + n] * 5) for n in range(3)]
    reader = ChunkReader(repository, cache_bytes=0)
    for chunks in packs:
        reader.prepare(by_pack(repository.index.readable(chunks)))
    far.own.clear()
    assert len(dict(reader.fetch(packs[2]))) == 5
    assert far.own == []
    assert len(dict(reader.fetch(packs[0]))) == 5
    assert len([start for _, start, _ in far.own if start >= 0]) == 1


def test_a_pack_that_is_missing_after_it_was_prepared_for_is_named(repository: Repository, far: FarObjects) -> None:
    first, second = stored(repository, 100_000), stored(repository, 110_000)
    reader = ChunkReader(repository, cache_bytes=0)
    gone = repository.index.readable(first)[first[0]].pack
    far.delete(pack_key(gone))
    reader.prepare(by_pack(repository.index.readable([*first, *second])))
    with pytest.raises(IntegrityError, match=f"pack {gone} is missing"):
        dict(reader.fetch([*second, *first]))


def test_threads_are_gone_once_everything_was_read(repository: Repository) -> None:
    chunks = [*stored(repository, 100_000), *stored(repository, 110_000)]
    before = set(threading.enumerate())
    assert len(dict(ChunkReader(repository).fetch(chunks))) == 2
    assert set(threading.enumerate()) <= before
