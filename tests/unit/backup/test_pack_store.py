from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any, Self

import pytest

from holdfast.backup.ids import ChunkId, Place, SnapshotId
from holdfast.backup.ports import PackKind, PackRow, PackState
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import Conflict, StoreUnavailable
from tests.support.patience import PATIENCE_SECONDS
from tests.support.repositories import any_repository, noise

SESSION = SnapshotId("5" * 32)


class FarCatalogue(MemoryCatalogue):
    """A catalogue that counts as remote. `before` is called at the start of each call, with its name."""

    before: Callable[[str], None] = staticmethod(lambda _: None)

    def reconnected(self) -> Self:
        return self

    def usable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        self.before("usable")
        return super().usable(chunks)

    def announce(self, row: PackRow) -> bool:
        self.before("announce")
        return super().announce(row)

    def publish(self, pack: Any, chunks: Any) -> int:
        self.before("publish")
        return super().publish(pack, chunks)


class FarObjects(MemoryObjects):
    """Objects that count as remote."""

    before: Callable[[str], None] = staticmethod(lambda _: None)

    def reconnected(self) -> Self:
        return self

    def put(self, key: str, data: bytes | memoryview) -> bool:
        self.before("put")
        return super().put(key, data)


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A remote one, whose packs are full at 100 kB and whose batches are one chunk."""
    monkeypatch.setattr("holdfast.backup.writer.PACK_BYTES", dict.fromkeys(PackKind, 100_000))
    monkeypatch.setattr("holdfast.backup.writer.BATCH_BYTES", 1)
    catalogue = FarCatalogue()
    return any_repository()._replace(objects=FarObjects(), index=catalogue, ledger=catalogue)


def note_calls(repository: Repository, on_call: Callable[[str], None]) -> None:
    vars(repository.index)["before"] = vars(repository.objects)["before"] = on_call


def test_a_pack_is_announced_put_and_published_in_this_order(repository: Repository) -> None:
    calls: list[str] = []
    note_calls(repository, calls.append)
    writer = ChunkWriter(repository, SESSION)
    writer.add(PackKind.DATA, noise(50_000))
    writer.flush()
    assert calls == ["usable", "announce", "put", "publish"]


def test_the_next_pack_is_filled_while_one_is_put(repository: Repository) -> None:
    may_end, begun = threading.Event(), threading.Event()

    def hold(call: str) -> None:
        if call == "put":
            begun.set()
            assert may_end.wait(PATIENCE_SECONDS)

    note_calls(repository, hold)
    writer = ChunkWriter(repository, SESSION)
    contents = [noise(60_000, seed=number) for number in range(4)]
    chunks = [writer.add(PackKind.DATA, content) for content in contents]
    assert begun.wait(PATIENCE_SECONDS)
    assert writer.packs_added == []
    may_end.set()
    writer.flush()
    assert len(writer.packs_added) == 2
    assert dict(ChunkReader(repository).fetch(chunks)) == dict(zip(chunks, contents, strict=True))


def test_a_full_pack_is_put_beside_the_one_before_and_no_third_is_filled_meanwhile(repository: Repository) -> None:
    both = threading.Barrier(2)

    def meet(call: str) -> None:
        if call == "put":
            both.wait(PATIENCE_SECONDS)

    note_calls(repository, meet)
    writer = ChunkWriter(repository, SESSION)
    for seed in range(6):
        writer.add(PackKind.DATA, noise(60_000, seed=seed))
        assert len([row for row in repository.index.packs() if row.state is PackState.PENDING]) <= 1
    note_calls(repository, lambda _: None)
    writer.flush()
    assert len(writer.packs_added) == 3


def test_at_the_end_the_last_pack_of_each_kind_is_stored_at_once(repository: Repository) -> None:
    both = threading.Barrier(len(PackKind))

    def meet(call: str) -> None:
        if call == "put":
            both.wait(PATIENCE_SECONDS)

    note_calls(repository, meet)
    writer = ChunkWriter(repository, SESSION)
    for seed, kind in enumerate(PackKind):
        writer.add(kind, noise(1000, seed=seed))
    writer.flush()
    assert {row.kind for row in repository.index.packs() if row.state is PackState.LIVE} == set(PackKind)


def test_everything_is_published_and_readable_after_a_flush_and_no_thread_after_a_rest(repository: Repository) -> None:
    writer = ChunkWriter(repository, SESSION)
    chunks = [writer.add(PackKind.DATA, noise(30_000, seed=number % 7)) for number in range(20)]
    writer.flush()
    writer.rest()
    assert len(set(chunks)) == len(dict(ChunkReader(repository).fetch(chunks))) == 7
    assert {row.state for row in repository.index.packs()} == {PackState.LIVE}
    assert vars(writer.register)["_promised"] == set()
    assert vars(vars(writer)["_stores"])["_threads"] is None


def test_a_pack_that_was_collected_meanwhile_is_stored_under_another_name(repository: Repository) -> None:
    collected: list[str] = []

    def collect_first(call: str) -> None:
        if call == "publish" and not collected:
            (row,) = repository.index.packs()
            collected.append(row.pack)
            repository.index.condemn(row, 1)

    note_calls(repository, collect_first)
    writer = ChunkWriter(repository, SESSION)
    chunk = writer.add(PackKind.DATA, noise(50_000))
    writer.flush()
    assert len(writer.packs_added) == 1
    assert writer.packs_added != collected
    assert dict(ChunkReader(repository).fetch([chunk])) == {chunk: noise(50_000)}


@pytest.mark.parametrize(("call", "error"), [("usable", StoreUnavailable), ("put", StoreUnavailable)])
def test_what_fails_in_a_thread_fails_the_flush(repository: Repository, call: str, error: type[Exception]) -> None:
    def fail(name: str) -> None:
        if name == call:
            raise error(f"{name} failed")

    note_calls(repository, fail)
    writer = ChunkWriter(repository, SESSION)
    writer.add(PackKind.DATA, noise(50_000))
    with pytest.raises(error, match=f"{call} failed"):
        writer.flush()


def test_a_pack_that_is_collected_again_and_again_ends_in_a_conflict(repository: Repository) -> None:
    def collect(call: str) -> None:
        if call == "publish":
            for row in repository.index.packs():
                repository.index.condemn(row, 1)

    note_calls(repository, collect)
    writer = ChunkWriter(repository, SESSION)
    writer.add(PackKind.DATA, noise(50_000))
    with pytest.raises(Conflict):
        writer.flush()
