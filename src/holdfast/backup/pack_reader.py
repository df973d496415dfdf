"""Reading sealed blocks out of packs: neighbours in one request, and from a remote store several packs at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.pack import Block, Footer, open_footer, pack_key, read_end, read_sealed_end
from holdfast.backup.ports import ObjectStore, PackKind
from holdfast.backup.remote import AT_ONCE, is_remote
from holdfast.backup.repository import Repository
from holdfast.errors import IntegrityError, NotFound, StoreDenied

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

CACHED_ENDS = 64
MOST_SEEN = 50_000
"""Chunks of trees, some 10 MiB of memory."""
END_BYTES = 256 * 1024
"""Read first of a pack: its footer, and the whole of a small one, for one request and 3 ms of transfer (90 MB/s)."""
GAP_BYTES = 64 * 1024
"""Blocks closer than this are read in one request: the bytes between cost less than a request."""
RANGE_BYTES = 2 * 1024 * 1024
"""So much is read at a time and held: more costs memory and no local read is faster for it."""
REMOTE_GAP_BYTES = 2 * 1024 * 1024
"""23 ms of transfer at 90 MB/s: what S3 takes to begin an answer. `docs/cost.md` has the arithmetic."""
REMOTE_RANGE_BYTES = 32 * 1024 * 1024
"""A whole pack in one request: other packs are read at the same time."""

CHUNK_BYTES = 128 * 1024
"""What a chunk is taken for before its pack's footer is read: the average of the default limits."""
MOST_PACK_BYTES = 16 * 1024 * 1024

Ordinals = dict[ChunkId, int]
"""Chunks of one pack, and where the index says they are in its footer."""


class _Piece(NamedTuple):
    """Bytes of a pack, and where they begin in it."""

    start: int
    data: bytes


class PackReader:
    """Gives the sealed blocks that hold certain chunks. What is begun is read in threads, and kept until dropped."""

    def __init__(self, repository: Repository) -> None:
        self._objects = repository.objects
        self._keyring = repository.keyring
        self._ends: OrderedDict[PackId, tuple[Footer, bytes | None]] = OrderedDict()
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._begun: dict[PackId, Future[Sequence[_Piece]]] = {}
        self._seen: dict[ChunkId, Place] = {}
        self.is_remote = is_remote(repository.objects)

    def footer(self, pack: PackId) -> Footer:
        """Return a pack's footer; raise NotFound if there is no such pack."""
        return self._end(pack)[0]

    def blocks(self, pack: PackId, chunks: Ordinals) -> Iterator[tuple[Block, memoryview]]:
        """Yield the blocks that hold these chunks; of a tree in a remote store all, for walks go on to neighbours.

        Raises:
            NotFound: no such pack.
            IntegrityError: it does not hold what the index says.
        """
        pieces = self._begun[pack].result() if pack in self._begun else ()
        footer, whole = self._end(pack)
        held = pieces if whole is None else (_Piece(0, whole),)
        for run in self._runs(footer, pack, chunks):
            start, data = self._read(pack, run[0].offset, run[-1].offset + run[-1].stored_bytes, held)
            for block in run:
                yield block, data[block.offset - start : block.offset - start + block.stored_bytes]

    def begin(self, pack: PackId, chunks: Ordinals) -> bool:
        """Begin to read what holds these chunks; False if something of the pack was begun and not dropped yet."""
        if pack in self._begun:
            return False
        if self._threads is None:  # not before it is needed: threads do not survive a fork
            from concurrent.futures import ThreadPoolExecutor  # most readers are local, and need not load this

            self._threads = ThreadPoolExecutor(AT_ONCE)
        self._begun[pack] = self._threads.submit(self._pieces_of, pack, chunks)
        return True

    def drop(self, pack: PackId) -> None:
        """Let go of what was begun of the pack."""
        if future := self._begun.pop(pack, None):
            future.cancel()

    def forget(self, pack: PackId) -> None:
        """Let go of all that is known of the pack."""
        self.drop(pack)
        with self._lock:
            self._ends.pop(pack, None)
            self._seen = {chunk: place for chunk, place in self._seen.items() if place.pack != pack}

    def seen(self, chunks: Iterable[ChunkId]) -> dict[ChunkId, Place]:
        """Return where these are by the footers read last, of trees in a remote store."""
        return {chunk: place for chunk in chunks if (place := self._seen.get(chunk))}

    def learn(self, footers: Mapping[PackId, bytes]) -> None:
        """Take footers, as they are stored, from who has read them; one that is damaged is read here, and told then."""
        for pack, sealed in footers.items():
            if pack not in self._ends:
                with suppress(IntegrityError):
                    self._keep(pack, (open_footer(self._keyring, pack, sealed), None))

    def rest(self) -> None:
        """End the threads if nothing is begun: a process that forks has none of them then."""
        if self._threads is not None and not self._begun:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None

    def _pieces_of(self, pack: PackId, chunks: Ordinals) -> list[_Piece]:
        """Read what holds these chunks; runs in a thread."""
        footer, whole = self._end(pack)
        if whole is not None:
            return []
        spans = [(run[0].offset, run[-1].offset + run[-1].stored_bytes) for run in self._runs(footer, pack, chunks)]
        return [_Piece(start, self._objects.get(pack_key(pack), start, end - start)) for start, end in spans]

    def _read(self, pack: PackId, start: int, end: int, held: Sequence[_Piece]) -> tuple[int, memoryview]:
        """Return these bytes, and more around them if they are held, with the offset of the first."""
        for piece in held:
            if piece.start <= start and end <= piece.start + len(piece.data):
                return piece.start, memoryview(piece.data)
        return start, memoryview(self._objects.get(pack_key(pack), start, end - start))

    def _runs(self, footer: Footer, pack: PackId, chunks: Ordinals) -> Iterator[list[Block]]:
        blocks: Sequence[Block] = blocks_of(footer, pack, chunks)
        is_walked = self.is_remote and footer.kind is PackKind.TREE
        return _runs(self._objects, footer.blocks if is_walked else blocks)

    def _end(self, pack: PackId) -> tuple[Footer, bytes | None]:
        """Return a pack's footer, and the whole pack if it is small."""
        with self._lock:
            end = self._ends.get(pack)
            if end is not None:
                self._ends.move_to_end(pack)
                return end
        end = read_end(self._objects, self._keyring, pack, END_BYTES)
        self._keep(pack, end)
        return end

    def _keep(self, pack: PackId, end: tuple[Footer, bytes | None]) -> None:
        with self._lock:
            self._ends[pack] = end
            self._see(pack, end[0])
            if len(self._ends) > CACHED_ENDS:
                self._ends.popitem(last=False)

    def _see(self, pack: PackId, footer: Footer) -> None:
        if self.is_remote and footer.kind is PackKind.TREE:
            if len(self._seen) > MOST_SEEN:
                self._seen.clear()
            self._seen.update((chunk, Place(pack, ordinal)) for ordinal, chunk in enumerate(footer.chunks))


class SealedFooters:
    """Footers of packs, as they are stored, each read once for all who ask; may be asked from several threads."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._lock = threading.Lock()
        self._found: OrderedDict[PackId, Future[bytes]] = OrderedDict()

    def of(self, packs: Iterable[PackId]) -> dict[PackId, bytes]:
        """Return those of these packs; not of one that is small, or that cannot be read: that is told to who needs it.

        Raises:
            StoreUnavailable: the store gave no answer.
        """
        return {pack: sealed for pack in packs if (sealed := self._footer(pack))}

    def _footer(self, pack: PackId) -> bytes:
        from concurrent.futures import Future

        with self._lock:
            found = self._found.get(pack)
            if found is None:
                mine = self._found[pack] = Future[bytes]()
                if len(self._found) > CACHED_ENDS:
                    self._found.popitem(last=False)
        if found is not None:
            return found.result()
        try:
            mine.set_result(self._read(pack))
        except BaseException as error:
            mine.set_exception(error)
            raise
        return mine.result()

    def _read(self, pack: PackId) -> bytes:
        try:
            sealed, whole = read_sealed_end(self._objects, pack, END_BYTES)
        except (NotFound, IntegrityError, StoreDenied):
            return b""
        return sealed if whole is None else b""


def span_bytes(chunks: Ordinals) -> int:
    """Return about how many bytes `begin` reads for these chunks of a pack, rather too many: also what is between."""
    near = REMOTE_GAP_BYTES // CHUNK_BYTES
    steps = (later - earlier for earlier, later in pairwise(sorted(chunks.values())))
    read = 1 + sum(step if step <= near else 1 for step in steps)
    return END_BYTES + min(read * CHUNK_BYTES, MOST_PACK_BYTES)


def blocks_of(footer: Footer, pack: PackId, chunks: Ordinals) -> list[Block]:
    """Return the blocks that hold these chunks, in pack order; the footer must agree with the index."""
    numbers = set()
    for chunk, ordinal in chunks.items():
        found = footer.find(ordinal)
        if found is None or found[1] != chunk:
            raise IntegrityError(
                f"pack {pack} does not hold chunk {chunk.hex()} at {ordinal}, where the index says: run `repo rebuild`"
            )
        numbers.add(found[0])
    return [footer.blocks[number] for number in sorted(numbers)]


def sealed_blocks(objects: ObjectStore, pack: PackId, blocks: Sequence[Block]) -> Iterator[tuple[Block, memoryview]]:
    """Yield blocks of a pack as they are stored: read with little of what lies between them; raise NotFound."""
    for run in _runs(objects, blocks):
        start, end = run[0].offset, run[-1].offset + run[-1].stored_bytes
        data = memoryview(objects.get(pack_key(pack), start, end - start))
        for block in run:
            yield block, data[block.offset - start : block.offset - start + block.stored_bytes]


def _runs(objects: ObjectStore, blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield blocks in pack order, those together that this store best gives in one request."""
    gap_bytes, range_bytes = GAP_BYTES, RANGE_BYTES
    if is_remote(objects):
        gap_bytes, range_bytes = REMOTE_GAP_BYTES, REMOTE_RANGE_BYTES
    run: list[Block] = []
    for block in blocks:
        if run:
            end = run[-1].offset + run[-1].stored_bytes
            whole = block.offset + block.stored_bytes - run[0].offset
            if block.offset - end > gap_bytes or whole > range_bytes:
                yield run
                run = []
        run.append(block)
    if run:
        yield run
