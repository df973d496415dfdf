from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Self

import pytest

from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.pack import pack_key
from holdfast.backup.pack_reader import PackReader, SealedFooters, span_bytes
from holdfast.backup.ports import PackKind
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryObjects
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import IntegrityError, StoreUnavailable
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
    return any_repository()._replace(objects=far)


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


def test_a_footer_is_read_once_for_all_who_need_it(repository: Repository, far: FarObjects) -> None:
    chunks = stored(repository, 300_000, 300_000)
    (row,) = repository.index.packs()
    footers, both = SealedFooters(far), threading.Barrier(2)
    far.gets.clear()
    found: list[dict[PackId, bytes]] = []

    def ask() -> None:
        both.wait(30)
        found.append(footers.of([row.pack, PackId("0" * 64)]))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert found[0].keys() == {row.pack}  # of what is not there nothing is told
    assert [key for key, _, _ in far.gets].count(pack_key(row.pack)) == 1
    for reader in (PackReader(repository) for _ in range(2)):
        far.gets.clear()
        reader.learn(found[0])
        assert len(list(reader.blocks(row.pack, {chunks[0]: 0, chunks[1]: 1}))) == 2
        assert [start for _, start, _ in far.gets] == [8]


def test_a_footer_that_was_told_damaged_is_read_here(repository: Repository, far: FarObjects) -> None:
    (chunk,) = stored(repository, 300_000)
    (row,) = repository.index.packs()
    reader = PackReader(repository)
    reader.learn({row.pack: bytes(200)})
    far.gets.clear()
    assert len(list(reader.blocks(row.pack, {chunk: 0}))) == 1
    assert len(far.gets) == 2


def test_of_a_small_pack_no_footer_is_told_and_no_answer_from_the_store_is_an_error(
    repository: Repository, far: FarObjects
) -> None:
    stored(repository, 1000)
    (row,) = repository.index.packs()
    assert SealedFooters(far).of([row.pack]) == {}

    class Silent(FarObjects):
        def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
            raise StoreUnavailable("no answer")

    footers = SealedFooters(Silent())
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="no answer"):
            footers.of([row.pack])


def looked_up(repository: Repository) -> list[ChunkId]:
    """Return the chunks that the index is asked for from now on, as they come."""
    asked: list[ChunkId] = []
    named = repository.index.named

    def note(chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        asked.extend(chunks)
        return named(chunks)

    vars(repository.index)["named"] = note
    return asked


@pytest.mark.parametrize(("held", "begun"), [(20 * 1024 * 1024, 3), (span_bytes({ChunkId(b"a"): 0}) * 2, 2), (1, 1)])
def test_packs_that_come_next_are_read_meanwhile_up_to_so_many_bytes(
    repository: Repository, far: FarObjects, monkeypatch: pytest.MonkeyPatch, held: int, begun: int
) -> None:
    chunks = [*stored(repository, 100_000), *stored(repository, 110_000, 1000), *stored(repository, 120_000, 10, 100)]
    monkeypatch.setattr("holdfast.backup.reader.HELD_BYTES", held)
    reader = ChunkReader(repository, cache_bytes=0)
    started: list[str] = []
    begin = PackReader.begin

    def noted(self: PackReader, pack: PackId, chunks: dict[ChunkId, int]) -> bool:
        started.append(pack)
        return begin(self, pack, chunks)

    monkeypatch.setattr(PackReader, "begin", noted)
    wanted = [chunks[0], chunks[1], chunks[3]]
    coming = reader.fetch_once(wanted)
    next(coming)
    assert len(started) == begun
    assert len(list(coming)) == 2
    assert len(started) == 3
    assert len(far.gets) == 3  # each is small: its end is all of it


def test_what_is_read_of_a_pack_counts_what_lies_between() -> None:
    def span(*ordinals: int) -> int:
        return span_bytes({ChunkId(bytes([at])): ordinal for at, ordinal in enumerate(ordinals)}) - span_bytes(
            {ChunkId(b"a"): 0}
        )

    assert span(0, 1) == span(7, 3000) == 128 * 1024
    assert span(3, 0, 16) == 16 * 128 * 1024
    assert span(*range(250)) == span(0, *range(5, 256, 5)) == 16 * 1024 * 1024 - 128 * 1024


def test_a_pack_that_is_missing_while_another_is_read_is_named(repository: Repository, far: FarObjects) -> None:
    first, second = stored(repository, 100_000), stored(repository, 110_000)
    reader = ChunkReader(repository, cache_bytes=0)
    gone = repository.index.readable(first)[first[0]].pack
    far.delete(pack_key(gone))
    with pytest.raises(IntegrityError, match=f"pack {gone} is missing"):
        dict(reader.fetch([*second, *first]))


def test_threads_are_gone_once_everything_was_read(repository: Repository) -> None:
    chunks = [*stored(repository, 100_000), *stored(repository, 110_000)]
    before = set(threading.enumerate())
    assert len(dict(ChunkReader(repository).fetch(chunks))) == 2
    assert set(threading.enumerate()) <= before
