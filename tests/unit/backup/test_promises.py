from __future__ import annotations

from typing import Any

from holdfast.backup.ids import ChunkId
from holdfast.backup.promises import AskedClaims, IndexRegister, SharedRegister, answer
from holdfast.backup.stores.memory import MemoryCatalogue

CHUNKS = [ChunkId(bytes([number]) * 32) for number in range(3)]


def two_workers() -> tuple[AskedClaims, AskedClaims]:
    """Two workers' claims, answered by the process that has begun them."""
    shared = SharedRegister(IndexRegister(MemoryCatalogue()))

    def ask(question: Any) -> Any:
        return answer(shared, question)

    return AskedClaims(ask), AskedClaims(ask)


def test_what_one_worker_has_claimed_another_need_not_store() -> None:
    first, second = two_workers()
    assert set(first.claim(CHUNKS[:2])) == set()
    assert set(second.claim(CHUNKS)) == set(CHUNKS[:2])
    assert set(first.claim(CHUNKS)) == set(CHUNKS)


def test_what_was_released_can_be_claimed_again() -> None:
    first, second = two_workers()
    first.claim(CHUNKS)
    first.release(CHUNKS[:1])
    first.release([])
    assert set(second.claim(CHUNKS)) == set(CHUNKS[1:])
