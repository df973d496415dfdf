"""Reading chunks back: few requests, every byte checked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Protocol

from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.pack import Block, Footer, open_block, pack_key, read_end
from holdfast.backup.repository import Repository
from holdfast.errors import IntegrityError, NotFound

CACHE_BYTES = 64 * 1024 * 1024
CACHED_ENDS = 64
LOOKUP_BATCH = 500
END_BYTES = 256 * 1024
"""Read first of a pack: its footer, and the whole of a small one, for one request and 3 ms of transfer (90 MB/s)."""
GAP_BYTES = 64 * 1024
"""Blocks closer than this are read in one request: the bytes between cost less than a request."""
RANGE_BYTES = 8 * 1024 * 1024


class Places(Protocol):
    """What a reader needs of the chunk index."""

    def readable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places that may be read now."""


class ChunkReader:
    """Gives back chunks by id, authenticated and checked against their ids. Not for several threads at once."""

    def __init__(self, repository: Repository, *, index: Places | None = None, cache_bytes: int = CACHE_BYTES) -> None:
        self._repository = repository
        self._index = index or repository.index
        self._cache = _ChunkCache(cache_bytes)
        self._ends: OrderedDict[PackId, tuple[Footer, bytes | None]] = OrderedDict()

    def read(self, chunk: ChunkId) -> bytes:
        """Return one chunk's plaintext.

        Raises:
            IntegrityError: it is damaged, or nowhere.
        """
        return next(data for _, data in self.fetch([chunk]))

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
            yield from self._fetch_batch(batch)

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
        for pack, group in _by_pack(places).items():
            for block in _blocks_of(self._end(pack)[0], pack, group):
                found.update((chunk, length) for chunk, length in block.chunks if chunk in group)
        return found

    def _fetch_batch(self, chunks: list[ChunkId]) -> Iterator[tuple[ChunkId, bytes]]:
        places = self._places(chunks)
        done: set[ChunkId] = set()
        for pack, group in _by_pack(places).items():
            try:
                for pair in self._from_pack(pack, group):
                    done.add(pair[0])
                    yield pair
            except NotFound:
                # Compaction moved them while we read; the index knows where to, once.
                left = [chunk for chunk in group if chunk not in done]
                self._ends.pop(pack, None)
                yield from self._again(left, pack)

    def _again(self, chunks: list[ChunkId], gone: PackId) -> Iterator[tuple[ChunkId, bytes]]:
        for pack, group in _by_pack(self._places(chunks)).items():
            try:
                yield from self._from_pack(pack, group)
            except NotFound as error:
                lost = next(iter(group)).hex()
                raise IntegrityError(f"pack {gone} is missing (chunk {lost}); run `holdfast verify`") from error

    def _places(self, chunks: list[ChunkId]) -> dict[ChunkId, Place]:
        places = self._index.readable(chunks)
        for chunk in chunks:
            if chunk not in places:
                raise IntegrityError(f"no pack holds chunk {chunk.hex()}; run `holdfast verify`")
        return places

    def _from_pack(self, pack: PackId, places: dict[ChunkId, int]) -> Iterator[tuple[ChunkId, bytes]]:
        footer, whole = self._end(pack)
        for run in _runs(_blocks_of(footer, pack, places)):
            start, end = run[0].offset, run[-1].offset + run[-1].stored_bytes
            data = memoryview(self._read(pack, start, end) if whole is None else whole[start:end])
            for block in run:
                sealed = data[block.offset - start : block.offset - start + block.stored_bytes]
                try:
                    found = open_block(self._repository.keyring, block, sealed)
                except IntegrityError as error:
                    raise IntegrityError(f"pack {pack}: {error}") from error
                for chunk, plaintext in found:
                    self._cache.put(chunk, plaintext)
                    if chunk in places:
                        yield chunk, plaintext

    def _read(self, pack: PackId, start: int, end: int) -> bytes:
        return self._repository.objects.get(pack_key(pack), start, end - start)

    def _end(self, pack: PackId) -> tuple[Footer, bytes | None]:
        """Return a pack's footer, and the whole pack if it is small."""
        end = self._ends.get(pack)
        if end is None:
            end = read_end(self._repository.objects, self._repository.keyring, pack, END_BYTES)
            self._ends[pack] = end
            if len(self._ends) > CACHED_ENDS:
                self._ends.popitem(last=False)
        else:
            self._ends.move_to_end(pack)
        return end


def _by_pack(places: dict[ChunkId, Place]) -> dict[PackId, dict[ChunkId, int]]:
    groups: dict[PackId, dict[ChunkId, int]] = {}
    for chunk, place in places.items():
        groups.setdefault(place.pack, {})[chunk] = place.ordinal
    return groups


def _blocks_of(footer: Footer, pack: PackId, places: dict[ChunkId, int]) -> list[Block]:
    """Return the blocks that hold these chunks, in pack order; the footer must agree with the index."""
    numbers = set()
    for chunk, ordinal in places.items():
        found = footer.find(ordinal)
        if found is None or found[1] != chunk:
            raise IntegrityError(
                f"pack {pack} does not hold chunk {chunk.hex()} at {ordinal}, where the index says: run `repo rebuild`"
            )
        numbers.add(found[0])
    return [footer.blocks[number] for number in sorted(numbers)]


def _runs(blocks: list[Block]) -> Iterator[list[Block]]:
    run: list[Block] = []
    for block in blocks:
        if run:
            end = run[-1].offset + run[-1].stored_bytes
            whole = block.offset + block.stored_bytes - run[0].offset
            if block.offset - end > GAP_BYTES or whole > RANGE_BYTES:
                yield run
                run = []
        run.append(block)
    if run:
        yield run


class _ChunkCache:
    """The plaintext last read, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._chunks: OrderedDict[ChunkId, bytes] = OrderedDict()

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
