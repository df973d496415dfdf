"""Looking chunks up from a worker process: it is told with the job, or asks the one that holds the index."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.ports import ChunkIndex
from holdfast.backup.remote import is_remote
from holdfast.backup.workers import Ask

PackedPlaces = Mapping[str, Mapping[bytes, int]]
"""Ordinals of chunks by pack: a pack's long name crosses once."""


def packed(places: Mapping[ChunkId, Place]) -> PackedPlaces:
    """Return places in the form in which a job carries them."""
    found: dict[str, dict[bytes, int]] = {}
    for chunk, (pack, ordinal) in places.items():
        if pack not in found:
            found[pack] = {}
        found[pack][chunk] = ordinal
    return found


class AskedPlaces:
    """What a reader needs of the chunk index, asked of the caller's process unless it was told."""

    def __init__(self, ask: Ask, index: ChunkIndex) -> None:
        """`index` is looked at here where every process can reach it by itself."""
        self._ask = ask
        self._index = index if is_remote(index) else None
        self._told: dict[ChunkId, Place] = {}

    def tell(self, places: PackedPlaces) -> None:
        """Take these places for true, each once: who looks again looks because it was wrong."""
        self._told = {
            ChunkId(chunk): Place(PackId(pack), ordinal)
            for pack, chunks in places.items()
            for chunk, ordinal in chunks.items()
        }

    def named(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places that rows name."""
        found = {chunk: place for chunk in chunks if (place := self._told.pop(chunk, None))}
        if ids := [chunk for chunk in chunks if chunk not in found]:
            answers = answer_places(self._index, ids) if self._index else self._ask(ids)
            for chunk, at in zip(ids, answers, strict=True):
                if at is not None:
                    found[chunk] = Place(PackId(at[0]), at[1])
        return found


def answer_places(index: ChunkIndex, chunks: Any) -> list[Place | None]:
    """Answer one question of `AskedPlaces`."""
    places = index.named(chunks)
    return [places.get(chunk) for chunk in chunks]
