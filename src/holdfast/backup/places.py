"""Looking chunks up from a worker process: it asks the one that holds the index."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.ports import ChunkIndex
from holdfast.backup.reader import ChunkReader
from holdfast.backup.remote import of_worker
from holdfast.backup.repository import Repository
from holdfast.backup.workers import Ask


class AskedPlaces:
    """What a reader needs of the chunk index, asked of the caller's process."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def readable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places that may be read now."""
        ids = list(chunks)
        answers = self._ask(ids)
        return {id_: Place(PackId(at[0]), at[1]) for id_, at in zip(ids, answers, strict=True) if at is not None}


def answer_places(index: ChunkIndex, chunks: Any) -> list[tuple[str, int] | None]:
    """Answer one question of `AskedPlaces`."""
    places = index.readable(chunks)
    return [(places[chunk].pack, places[chunk].ordinal) if chunk in places else None for chunk in chunks]


def reader_apart(repository: Repository, ask: Ask, *, cache_bytes: int) -> ChunkReader:
    """Return a reader for a worker process."""
    return ChunkReader(of_worker(repository), index=AskedPlaces(ask), cache_bytes=cache_bytes)
