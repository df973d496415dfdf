"""What compaction keeps of a pack: whole blocks as they are stored, and what lives of others in blocks made anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set

from holdfast.backup.ids import ChunkId, PackId
from holdfast.backup.pack import Block, Footer, block_of, open_block
from holdfast.backup.pack_reader import sealed_blocks
from holdfast.backup.repository import Repository
from holdfast.backup.writer import SOLID_BYTES
from holdfast.errors import IntegrityError

WHOLE_SHARE = 0.9
"""A block of which less is referred to is opened, and what lives of it compressed anew. Measured on half of 3 GiB,
523 MiB live: 0.5 leaves 1.3 MiB more of dead bytes than 0.9, and 1.0 none less; each step takes 0.02 s of CPU."""

Sealed = tuple[Block, bytes | memoryview]


def live_bytes(footer: Footer, live: Collection[ChunkId]) -> int:
    """Return about how many stored bytes of a pack `kept` yields."""
    chunks = set(live)
    shares = ((block, _live_share(block, chunks)) for block in footer.blocks)
    return sum(block.stored_bytes if is_whole(share) else int(block.stored_bytes * share) for block, share in shares)


def is_whole(share: float) -> bool:
    """Say whether a block of which this share lives is copied as it is."""
    return share >= WHOLE_SHARE


def kept(repository: Repository, pack: PackId, footer: Footer, chunks: Collection[ChunkId]) -> Iterator[Sealed]:
    """Yield blocks that hold every one of these chunks of a pack; a damaged one as it is, for `verify` to name.

    What is compressed anew was opened, and so verified, before. Called from several threads.

    Raises:
        NotFound: no such pack.
    """
    live = set(chunks)
    blocks = [block for block in footer.blocks if any(chunk in live for chunk, _ in block.chunks)]
    anew = _Anew(repository, SOLID_BYTES[footer.kind])
    for block, sealed in sealed_blocks(repository.objects, pack, blocks):
        if is_whole(_live_share(block, live)):
            yield block, sealed
            continue
        try:
            opened = open_block(repository.keyring, block, sealed)
        except IntegrityError:
            yield block, sealed
            continue
        for chunk, data in opened:
            if chunk in live:
                yield from anew.add(chunk, bytes(data))
    yield from anew.close()


def _live_share(block: Block, live: Set[ChunkId]) -> float:
    return sum(length for chunk, length in block.chunks if chunk in live) / block.raw_bytes


class _Anew:
    """Makes solid blocks of chunks, in their order, sealed under a salt of their own."""

    def __init__(self, repository: Repository, most_bytes: int) -> None:
        self._sealer = repository.keyring.sealer()
        self._most_bytes = most_bytes
        self._chunks: list[tuple[ChunkId, bytes | memoryview]] = []
        self._size = 0

    def add(self, chunk: ChunkId, data: bytes) -> Iterator[Sealed]:
        """Take one chunk; yield the block before it if that is full."""
        if self._size + len(data) > self._most_bytes:
            yield from self.close()
        self._chunks.append((chunk, data))
        self._size += len(data)

    def close(self) -> Iterator[Sealed]:
        """Yield the last block, if there is something in it."""
        if not self._chunks:
            return
        block, body = block_of(self._chunks)
        self._chunks, self._size = [], 0
        yield block, self._sealer.seal("block", block.context, body)
