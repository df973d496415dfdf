"""Looking chunks up from a worker process: it is told with the job, or asks the one that holds the index."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.ports import ChunkIndex
from holdfast.backup.remote import is_remote
from holdfast.backup.workers import Ask


class AskedPlaces:
    """What a reader needs of the chunk index, asked of the caller's process."""

    def __init__(self, ask: Ask, index: ChunkIndex) -> None:
        """`index` is looked at here where every process can reach it by itself."""
        self._ask = ask
        self._index = index if is_remote(index) else None

    def named(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places that rows name."""
        if self._index:
            return self._index.named(chunks)
        answers = self._ask(list(chunks))
        return {chunk: Place(PackId(at[0]), at[1]) for chunk, at in zip(chunks, answers, strict=True) if at is not None}


def answer_places(index: ChunkIndex, chunks: Any) -> list[Place | None]:
    """Answer one question of `AskedPlaces`."""
    places = index.named(chunks)
    return [places.get(chunk) for chunk in chunks]
