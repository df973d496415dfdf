from __future__ import annotations

from typing import Any

from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.ports import PackKind, PackRow
from holdfast.backup.promises import ClaimingRegister, IndexRegister, SharedRegister, answer
from holdfast.backup.stores.memory import MemoryCatalogue

CHUNKS = [ChunkId(bytes([number]) * 32) for number in range(3)]
PACK = PackId("ab" * 32)


class Asking:
    """Two workers' registers on one index, and what they ask of the process that has begun them."""

    def __init__(self) -> None:
        self.index = MemoryCatalogue()
        self.shared = SharedRegister(IndexRegister(self.index))
        self.questions: list[Any] = []

    def ask(self, question: Any) -> Any:
        self.questions.append(question)
        return answer(self.shared, question)

    def worker(self) -> ClaimingRegister:
        return ClaimingRegister(self.ask, self.index)


def publish(register: ClaimingRegister, chunks: list[ChunkId]) -> None:
    register.announce(PackRow(pack=PACK, kind=PackKind.DATA, size=1, session=SnapshotId("session")))
    register.publish(PACK, chunks)


def test_a_chunk_that_one_worker_stores_no_other_stores() -> None:
    asking, chunks = Asking(), CHUNKS[:2]
    first, second = asking.worker(), asking.worker()
    assert set(first.stored(chunks)) == set()
    assert set(second.stored(CHUNKS)) == set(chunks)


def test_a_chunk_that_is_published_is_found_in_the_index_and_remembered_no_longer() -> None:
    asking, chunk = Asking(), CHUNKS[0]
    first, second = asking.worker(), asking.worker()
    first.stored([chunk])
    publish(first, [chunk])
    assert vars(asking.shared)["_promised"] == set()
    assert set(second.stored([chunk])) == {chunk}
    assert vars(asking.shared)["_promised"] == set()


def test_a_chunk_that_two_workers_meet_while_one_of_them_looks_it_up_is_stored_once() -> None:
    asking, chunk = Asking(), CHUNKS[0]
    first, second = asking.worker(), asking.worker()
    told: list[set[ChunkId]] = []

    class Slow(MemoryCatalogue):
        def usable(self, chunks: Any) -> Any:
            told.append(set(second.stored([chunk])))
            return super().usable(chunks)

    slow = ClaimingRegister(asking.ask, Slow())
    assert set(slow.stored([chunk])) == set()
    assert told == [{chunk}]
    assert set(first.stored([chunk])) == {chunk}
