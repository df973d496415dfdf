"""Reading chunks back: few requests, every byte checked."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Protocol

from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.pack import open_block
from holdfast.backup.pack_reader import Ordinals, PackReader, blocks_of, span_bytes
from holdfast.backup.repository import Repository
from holdfast.errors import IntegrityError, NotFound

CACHE_BYTES = 64 * 1024 * 1024
LOOKUP_BATCH = 500
HELD_BYTES = 20 * 1024 * 1024
"""Read ahead at a time: a pack that is wanted whole, and parts of its neighbours."""

PlacesByPack = Mapping[PackId, Ordinals]
Opened = Sequence[tuple[ChunkId, memoryview]]
"""The chunks of one block, in order."""


class Places(Protocol):
    """What a reader needs of the chunk index."""

    def named(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places that rows name: what is gone is noticed by who reads it."""


class ChunkReader:
    """Gives back chunks by id, authenticated and checked against their ids. Not for several threads at once.

    Args:
        by_footers: take a chunk of a tree from where the footer of a pack read before has it, where the store is
            remote. This saves asking the index; but whether it names a better copy, as after a repair, is not seen.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        index: Places | None = None,
        cache_bytes: int = CACHE_BYTES,
        by_footers: bool = False,
    ) -> None:
        self._keyring = repository.keyring
        self._index = index or repository.index
        self._cache = _ChunkCache(cache_bytes)
        self._packs = PackReader(repository)
        self._by_footers = by_footers

    def read(self, chunk: ChunkId) -> bytes:
        """Return one chunk's plaintext.

        Raises:
            IntegrityError: it is damaged, or nowhere.
        """
        return dict(self.fetch([chunk]))[chunk]

    def fetch(self, chunks: Sequence[ChunkId]) -> Iterator[tuple[ChunkId, bytes]]:
        """Yield each distinct chunk once, grouped by pack, in coalesced reads.

        Raises:
            IntegrityError: one is damaged, or nowhere.
        """
        wanted = dict.fromkeys(chunks)
        for chunk in list(wanted):
            data = self._cache.get(chunk)
            if data is not None:
                del wanted[chunk]
                yield chunk, data
        rest = iter(wanted)
        while batch := list(islice(rest, LOOKUP_BATCH)):
            for group, opened in self._opened(by_pack(self._places(batch))):
                for chunk, view in opened:
                    data = bytes(view)
                    self._cache.put(chunk, data)
                    if chunk in group:
                        yield chunk, data

    def fetch_once(self, chunks: Sequence[ChunkId]) -> Iterator[tuple[ChunkId, memoryview]]:
        """Yield each distinct chunk once, as `fetch_placed` does."""
        yield from self.fetch_placed(by_pack(self._places(chunks)))

    def fetch_placed(self, places: PlacesByPack) -> Iterator[tuple[ChunkId, memoryview]]:
        """Yield each chunk of which a place is known, grouped by pack, and keep none.

        It is a part of the block it was read in, which stays as long as the part is held: who keeps one copies it.
        The index is asked once more for what is no longer where it was.

        Raises:
            IntegrityError: one is damaged, or nowhere.
        """
        for group, opened in self._opened(places):
            for pair in opened:
                if pair[0] in group:
                    yield pair

    def learn(self, footers: Mapping[PackId, bytes]) -> None:
        """Take footers of packs, as they are stored, from who has read them."""
        self._packs.learn(footers)

    def lengths(self, chunks: Sequence[ChunkId]) -> dict[ChunkId, int]:
        """Return how many bytes each chunk has, as the footers of the packs say.

        Raises:
            IntegrityError: one is nowhere.
        """
        wanted = list(dict.fromkeys(chunks))
        with suppress(NotFound):  # compaction moved one while we read; the index knows where to, once
            return self._lengths(self._places(wanted))
        try:
            return self._lengths(self._places(wanted))
        except NotFound as error:
            raise IntegrityError(f"{error}; run `holdfast verify`") from error

    def _lengths(self, places: dict[ChunkId, Place]) -> dict[ChunkId, int]:
        found: dict[ChunkId, int] = {}
        for pack, group in by_pack(places).items():
            for block in blocks_of(self._packs.footer(pack), pack, group):
                found.update((chunk, length) for chunk, length in block.chunks if chunk in group)
        return found

    def _opened(self, groups: PlacesByPack) -> Iterator[tuple[Ordinals, Opened]]:
        """Yield the chunks of each block that holds one of a group, with the group."""
        for pack, group in self._read_ahead(groups):
            left = set(group)
            try:
                for opened in self._from_pack(pack, group):
                    left.difference_update(chunk for chunk, _ in opened)
                    yield group, opened
            except NotFound:
                # Compaction moved them while we read; the index knows where to, once.
                self._packs.forget(pack)
                yield from self._again(list(left), pack)

    def _read_ahead(self, groups: PlacesByPack) -> Iterator[tuple[PackId, Ordinals]]:
        """Yield each pack, those that come next being read meanwhile where the store is remote, up to `HELD_BYTES`."""
        packs = list(groups.items())
        if not self._packs.is_remote or len(packs) == 1:
            yield from packs
            return
        coming, held = deque(packs), dict[PackId, int]()
        try:
            for pack, group in packs:
                while coming and (not held or sum(held.values()) + span_bytes(coming[0][1]) <= HELD_BYTES):
                    one, wanted = coming.popleft()
                    held[one] = span_bytes(wanted)
                    self._packs.begin(one, wanted)
                yield pack, group
                self._packs.drop(pack)
                del held[pack]
        finally:
            for pack in held:
                self._packs.drop(pack)
            self._packs.rest()

    def _again(self, chunks: Sequence[ChunkId], gone: PackId) -> Iterator[tuple[Ordinals, Opened]]:
        for pack, group in by_pack(self._places(chunks)).items():
            try:
                for opened in self._from_pack(pack, group):
                    yield group, opened
            except NotFound as error:
                lost = next(iter(group)).hex()
                raise IntegrityError(f"pack {gone} is missing (chunk {lost}); run `holdfast verify`") from error

    def _places(self, chunks: Sequence[ChunkId]) -> dict[ChunkId, Place]:
        places = self._packs.seen(chunks) if self._by_footers else {}
        if unknown := [chunk for chunk in chunks if chunk not in places]:
            places |= self._index.named(unknown)
        for chunk in chunks:
            if chunk not in places:
                raise IntegrityError(f"no pack holds chunk {chunk.hex()}; run `holdfast verify`")
        return places

    def _from_pack(self, pack: PackId, places: Ordinals) -> Iterator[Opened]:
        for block, sealed in self._packs.blocks(pack, places):
            try:
                opened = open_block(self._keyring, block, sealed)
            except IntegrityError as error:
                raise IntegrityError(f"pack {pack}: {error}") from error
            yield opened


def by_pack(places: Mapping[ChunkId, Place]) -> dict[PackId, dict[ChunkId, int]]:
    """Return the same places, grouped: a pack's long name is there once."""
    groups: dict[PackId, dict[ChunkId, int]] = {}
    for chunk, place in places.items():
        groups.setdefault(place.pack, {})[chunk] = place.ordinal
    return groups


class _ChunkCache:
    """The plaintext last read, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._chunks: OrderedDict[ChunkId, bytes] = OrderedDict()

    def __contains__(self, chunk: ChunkId) -> bool:
        return chunk in self._chunks

    def get(self, chunk: ChunkId) -> bytes | None:
        data = self._chunks.get(chunk)
        if data is not None:
            self._chunks.move_to_end(chunk)
        return data

    def put(self, chunk: ChunkId, data: bytes) -> None:
        if chunk in self._chunks or len(data) > self._most:
            return
        self._chunks[chunk] = data
        self._size += len(data)
        while self._size > self._most:
            self._size -= len(self._chunks.popitem(last=False)[1])
