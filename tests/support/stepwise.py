"""A catalogue in memory that takes many-row changes one row at a time, as a store without large transactions does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.ports import PackState
from holdfast.backup.stores.memory import MemoryCatalogue
from holdfast.errors import Conflict


class StepwiseCatalogue(MemoryCatalogue):
    """Calls `between` before each row; what the port demands to be atomic is, and nothing more.

    With `rows_first` rows that are not there yet are written before the pack is LIVE: the other end of what a store
    may do that does both at once.
    """

    rows_first = False

    def __init__(self) -> None:
        super().__init__()
        self.between: Callable[[], None] = lambda: None

    def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> int:
        for ordinal, chunk in enumerate(chunks if self.rows_first else ()):
            self.between()
            self._chunks.setdefault(chunk, Place(pack, ordinal))
        self.between()
        with self._lock:
            if self._state(pack) not in (PackState.PENDING, PackState.LIVE):
                raise Conflict(f"pack {pack} was collected")
            self._packs[pack] = self._packs[pack]._replace(state=PackState.LIVE)
        for ordinal, chunk in enumerate(chunks):
            self.between()
            self._claim(chunk, Place(pack, ordinal))
        with self._lock:
            return sum(chunk in self._chunks and self._chunks[chunk].pack == pack for chunk in chunks)

    def _claim(self, chunk: ChunkId, place: Place) -> None:
        with self._lock:
            held = self._chunks.get(chunk)
            if held is None:
                self._chunks[chunk] = place
            elif held.pack != place.pack and self._state(held.pack) is not PackState.LIVE:
                self._replace(chunk, place)

    def _replace(self, chunk: ChunkId, place: Place) -> None:
        if self._state(place.pack) is not PackState.LIVE:
            raise Conflict(f"pack {place.pack} is no longer LIVE")
        self._chunks[chunk] = place

    def move(self, chunks: Mapping[ChunkId, Place], from_pack: PackId) -> int:
        moved = 0
        for chunk, place in chunks.items():
            self.between()
            moved += super().move({chunk: place}, from_pack)
        return moved

    def unpoint(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        for chunk in chunks:
            self.between()
            super().unpoint(pack, [chunk])
