"""Storing chunks once each, and reading them back with every byte checked."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from random import Random
from typing import Any

import pytest

from holdfast.backup.ids import ChunkId, PackId
from holdfast.backup.pack import pack_key, read_footer
from holdfast.backup.ports import PackKind, PackRow, PackState
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.backup.writer import BATCH_BYTES, PACK_BYTES, ChunkWriter
from holdfast.errors import Conflict, IntegrityError
from tests.support.chunks import WRITER, store
from tests.support.repositories import any_repository

MIB = 1024 * 1024


class Counting(MemoryObjects):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        self.calls["get"] += 1
        return super().get(key, start, length)


def counted() -> tuple[Repository, Counting]:
    objects = Counting()
    return any_repository()._replace(objects=objects), objects


def noise(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


def packs(repository: Repository) -> list[PackRow]:
    return list(repository.index.packs())


def catalogue(repository: Repository) -> MemoryCatalogue:
    assert isinstance(repository.index, MemoryCatalogue)
    return repository.index


def objects(repository: Repository) -> dict[str, bytes]:
    assert isinstance(repository.objects, MemoryObjects)
    return repository.objects.objects


def test_chunks_of_every_size_come_back() -> None:
    repository = any_repository()
    data = [b"x", noise(100), noise(40_000), b"zero" * 30_000, noise(512 * 1024)]
    chunks = store(repository, *data)
    assert dict(ChunkReader(repository).fetch(chunks)) == dict(zip(chunks, data, strict=True))
    assert [ChunkReader(repository).read(chunk) for chunk in chunks] == data


def test_a_chunk_is_stored_once_within_and_between_sessions() -> None:
    repository = any_repository()
    writer = ChunkWriter(repository, WRITER)
    chunks = [writer.add(PackKind.DATA, b"same") for _ in range(3)]
    writer.flush()
    assert len(set(chunks)) == 1
    assert (writer.bytes_added, len(writer.packs_added)) == (4, 1)
    assert writer.add(PackKind.DATA, b"same") == chunks[0]
    again = ChunkWriter(repository, WRITER)
    again.add(PackKind.DATA, b"same")
    for one in (writer, again):
        one.flush()
    assert (again.bytes_added, again.bytes_stored, again.packs_added) == (0, 0, [])
    assert len(packs(repository)) == 1


def test_an_empty_chunk_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        store(any_repository(), b"")


def test_nothing_added_is_nothing_stored() -> None:
    repository = any_repository()
    ChunkWriter(repository, WRITER).flush()
    assert objects(repository) == {}


def test_figures_are_those_of_the_packs() -> None:
    repository = any_repository()
    writer = ChunkWriter(repository, WRITER)
    writer.add(PackKind.DATA, noise(50_000))
    writer.add(PackKind.TREE, b"tree")
    writer.flush()
    assert writer.bytes_added == 50_004
    assert {row.pack: row.size for row in packs(repository)} == {
        PackId(key.rsplit("/", 1)[1]): len(data) for key, data in objects(repository).items()
    }
    assert writer.bytes_stored == sum(len(data) for data in objects(repository).values())
    assert sorted(writer.packs_added) == sorted(row.pack for row in packs(repository))
    assert {(row.kind, row.session, row.state) for row in packs(repository)} == {
        (PackKind.DATA, WRITER, PackState.LIVE),
        (PackKind.TREE, WRITER, PackState.LIVE),
    }


def test_packs_are_closed_at_their_size_and_trees_stay_apart() -> None:
    repository = any_repository()
    data = [noise(512 * 1024, seed) for seed in range(40)]
    chunks = store(repository, *data)
    store(repository, b"tree", kind=PackKind.TREE)
    sizes = sorted(row.size for row in packs(repository) if row.kind is PackKind.DATA)
    assert len(sizes) == 2
    assert PACK_BYTES[PackKind.DATA] <= sizes[1] < PACK_BYTES[PackKind.DATA] + MIB
    assert dict(ChunkReader(repository).fetch(chunks)) == dict(zip(chunks, data, strict=True))


def test_small_chunks_share_blocks_and_shrink_together() -> None:
    repository = any_repository()
    chunks = store(repository, *(b"line %d of a text that repeats itself" % number for number in range(1000)))
    (row,) = packs(repository)
    footer = read_footer(repository.objects, repository.keyring, row.pack)
    assert len(footer.blocks) == 1
    assert list(footer.chunks) == chunks
    assert footer.blocks[0].stored_bytes < footer.blocks[0].raw_bytes // 4


def test_what_does_not_shrink_is_stored_as_it_is() -> None:
    repository = any_repository()
    store(repository, noise(300_000))
    (row,) = packs(repository)
    assert 300_000 < row.size < 300_400


def test_what_was_added_may_change_afterwards() -> None:
    repository = any_repository()
    buffer = bytearray(b"before")
    writer = ChunkWriter(repository, WRITER)
    chunk = writer.add(PackKind.DATA, memoryview(buffer))
    buffer[:] = b"after!"
    writer.flush()
    assert ChunkReader(repository).read(chunk) == b"before"


def test_look_ups_are_few() -> None:
    class Asked(MemoryCatalogue):
        calls = 0

        def usable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Any]:
            self.calls += 1
            return super().usable(chunks)

    asked = Asked()
    repository = any_repository()._replace(index=asked, ledger=asked)
    store(repository, *(b"%d" % number for number in range(2000)))
    assert asked.calls <= 9
    store(repository, *(noise(MIB // 4, seed) for seed in range(17)))
    assert asked.calls <= 9 + 17 * MIB // 4 // BATCH_BYTES + 1


def test_a_chunk_whose_place_is_condemned_is_stored_again() -> None:
    repository = any_repository()
    (chunk,) = store(repository, b"text")
    (row,) = packs(repository)
    repository.index.condemn(row, repository.ledger.epoch())
    assert store(repository, b"text") == [chunk]
    assert len(packs(repository)) == 2
    assert repository.index.usable([chunk])[chunk].pack != row.pack


def test_a_pack_collected_before_it_was_published_is_stored_under_another_name() -> None:
    class Collecting(MemoryCatalogue):
        collected: list[PackId] = []

        def publish(self, pack: PackId, chunks: Any) -> int:
            if not self.collected:
                self.collected.append(pack)
                row = next(self.packs())
                assert self.condemn(row, self.epoch())
                assert self.begin_delete(pack, self.epoch())
                self.remove(pack)
            return super().publish(pack, chunks)

    collecting = Collecting()
    repository = any_repository()._replace(index=collecting, ledger=collecting)
    (chunk,) = store(repository, b"text")
    (row,) = packs(repository)
    assert row.pack not in collecting.collected
    assert ChunkReader(repository).read(chunk) == b"text"


def test_a_writer_whose_packs_are_always_collected_gives_up() -> None:
    class Hostile(MemoryCatalogue):
        def publish(self, pack: PackId, chunks: Any) -> int:
            raise Conflict("collected")

    hostile = Hostile()
    with pytest.raises(Conflict):
        store(any_repository()._replace(index=hostile, ledger=hostile), b"text")


def test_neighbours_are_read_in_one_request() -> None:
    repository, counter = counted()
    data = [noise(128 * 1024, seed) for seed in range(14)]
    chunks = store(repository, *data)
    counter.calls.clear()
    assert len(list(ChunkReader(repository).fetch(chunks))) == 14
    assert counter.calls["get"] == 2  # the footer, and all blocks: less than 2 MiB


def test_what_was_read_is_kept_within_its_limit() -> None:
    repository, counter = counted()
    chunks = store(repository, *(noise(100_000, seed) for seed in range(8)))
    reader = ChunkReader(repository, cache_bytes=250_000)
    list(reader.fetch(chunks))
    counter.calls.clear()
    reader.read(chunks[-1])
    assert counter.calls["get"] == 0
    reader.read(chunks[0])
    assert counter.calls["get"] == 1


def test_fetch_yields_each_distinct_chunk_once() -> None:
    repository = any_repository()
    chunks = store(repository, b"a", b"b")
    found = list(ChunkReader(repository).fetch([*chunks, *chunks, chunks[0]]))
    assert sorted(found) == sorted(zip(chunks, (b"a", b"b"), strict=True))
    assert list(ChunkReader(repository).fetch([])) == []


def test_a_chunk_that_moved_while_it_was_looked_up_is_found() -> None:
    repository = any_repository()
    (chunk,) = store(repository, b"text")
    old = repository.index.readable([chunk])
    (row,) = packs(repository)
    repository.index.condemn(row, repository.ledger.epoch())
    store(repository, b"text")
    repository.objects.delete(pack_key(row.pack))
    answers = [old, repository.index.readable([chunk])]
    catalogue(repository).named = lambda chunks: answers.pop(0)  # type: ignore[method-assign]
    assert ChunkReader(repository).read(chunk) == b"text"
    assert answers == []


def test_a_missing_pack_is_named_with_a_chunk_that_went_with_it() -> None:
    repository = any_repository()
    (chunk,) = store(repository, b"text")
    (row,) = packs(repository)
    repository.objects.delete(pack_key(row.pack))
    with pytest.raises(IntegrityError, match=f"{row.pack}.*{chunk.hex()}"):
        ChunkReader(repository).read(chunk)


def test_a_chunk_in_no_pack_is_named() -> None:
    with pytest.raises(IntegrityError, match="07070707"):
        ChunkReader(any_repository()).read(ChunkId(b"\7" * 32))


@pytest.mark.parametrize("ordinal", [0, 1, 7, 10**6])
def test_an_index_that_points_elsewhere_is_noticed(ordinal: int) -> None:
    repository = any_repository()
    first, second = store(repository, b"first", b"second")
    place = repository.index.readable([first])[first]
    wrong = {first: place._replace(ordinal=ordinal)} if ordinal else {second: place}
    catalogue(repository).named = lambda chunks: wrong  # type: ignore[method-assign]
    with pytest.raises(IntegrityError, match=place.pack):
        ChunkReader(repository).read(next(iter(wrong)))


def test_a_damaged_block_is_refused_with_its_packs_name() -> None:
    repository = any_repository()
    (chunk,) = store(repository, os.urandom(1000))
    (key,) = objects(repository)
    damaged = bytearray(objects(repository)[key])
    damaged[100] ^= 1
    objects(repository)[key] = bytes(damaged)
    with pytest.raises(IntegrityError, match=key.rsplit("/", 1)[1]):
        ChunkReader(repository).read(chunk)
