"""Moving what is still referred to out of packs that are mostly dead or small."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.live_blocks import Sealed, kept, live_bytes
from holdfast.backup.pack import Block, Footer, PackBuilder, Room, read_footer
from holdfast.backup.pack_store import store_pack
from holdfast.backup.parallel import each
from holdfast.backup.ports import PackKind, PackRow
from holdfast.backup.remote import is_remote
from holdfast.backup.repository import Repository
from holdfast.backup.writer import PACK_BYTES

LIVE_SHARE = 0.9
"""A pack with less of its bytes referred to is rewritten: dead bytes stay under a ninth of the live ones."""
REMOTE_LIVE_SHARE = 0.8
"""The same where to move the 100 index rows of such a pack costs 200 write units: 0.013 cents at $0.625 a million, for
which S3 keeps the 3.2 MiB that are gained for two months ($0.023 per GB and month; list prices of `docs/cost.md`)."""
SMALL_SHARE = 0.25
"""A pack below this share of the full size is small; small ones are merged only into full-sized packs, so that no
block is rewritten twice for smallness."""


def choose(
    repository: Repository,
    rows: Iterable[PackRow],
    used: Mapping[PackId, Collection[ChunkId]],
    *,
    workers: int = 1,
) -> list[PackRow]:
    """Return the packs worth rewriting.

    Reads the footers of packs that are not small, but not of those of which the index knows that every chunk is used.
    """
    small: dict[PackKind, list[PackRow]] = {kind: [] for kind in PackKind}
    large = []
    for row in rows:
        if row.size < SMALL_SHARE * PACK_BYTES[row.kind]:
            small[row.kind].append(row)
        else:
            large.append(row)

    live_share = REMOTE_LIVE_SHARE if is_remote(repository.index) else LIVE_SHARE

    def is_sparse(row: PackRow) -> bool:
        live = set(used.get(row.pack, ()))
        if len(live) == row.chunk_count:
            return False
        footer = read_footer(repository.objects, repository.keyring, row.pack)
        whole = sum(block.stored_bytes for block in footer.blocks)
        return live_bytes(footer, live) < live_share * whole

    chosen = [row for row, sparse in zip(large, each(is_sparse, large, workers), strict=True) if sparse]
    for kind, group in small.items():
        if sum(row.size for row in group) >= PACK_BYTES[kind]:
            chosen += group
    return chosen


@dataclass(slots=True)
class Compaction:
    """What was copied: bytes, and the chunk ids of each old pack, which its deletion needs."""

    bytes_copied: int = 0
    contents: dict[PackId, list[ChunkId]] = field(default_factory=dict)


def compact(
    repository: Repository,
    rows: Iterable[PackRow],
    used: Mapping[PackId, Collection[ChunkId]],
    session: SnapshotId,
    tick: Callable[[], None],
    *,
    readers: int = 1,
) -> Compaction:
    """Put what is live in these packs into new ones and point the index at them.

    A crash leaves chunks in two packs, one of which is named; the old packs are not touched.
    """
    moving = {kind: BlockMover(repository, kind, session) for kind in PackKind}
    done = Compaction()
    ordered = sorted(rows, key=lambda row: row.pack)

    def read(row: PackRow) -> tuple[Footer, list[Sealed]]:
        footer = read_footer(repository.objects, repository.keyring, row.pack)
        return footer, list(kept(repository, row.pack, footer, used.get(row.pack, ())))

    for row, (footer, blocks) in zip(ordered, each(read, ordered, readers), strict=True):
        tick()
        done.contents[row.pack] = footer.chunks
        for block, sealed in blocks:
            moving[row.kind].add(row.pack, block, sealed)
            done.bytes_copied += block.stored_bytes
    for one in moving.values():
        one.close()
    return done


class BlockMover:
    """Fills new packs with sealed blocks of what old ones hold, and points the index at them; old packs stay."""

    def __init__(self, repository: Repository, kind: PackKind, session: SnapshotId) -> None:
        self._repository = repository
        self._kind = kind
        self._session = session
        self._room = Room()
        self._builder = PackBuilder(kind, repository.keyring.sealer(), self._room)
        self._sources: list[tuple[PackId, Block]] = []

    def add(self, source: PackId, block: Block, sealed: bytes | memoryview) -> None:
        """Add one block; its chunks are moved when its new pack is full, or at `close`."""
        self._builder.add_sealed(sealed, block.raw_bytes, block.chunks)
        self._sources.append((source, block))
        if self._builder.size >= PACK_BYTES[self._kind]:
            self.close()

    def close(self) -> None:
        """Publish what was added and move it."""
        if not self._sources:
            return
        pack = self._builder.finish()
        store_pack(self._repository, self._session, pack)
        moves: dict[PackId, dict[ChunkId, Place]] = {}
        ordinal = 0
        for source, block in self._sources:
            for chunk, _ in block.chunks:
                moves.setdefault(source, {})[chunk] = Place(pack.id, ordinal)
                ordinal += 1
        for source, places in moves.items():
            self._repository.index.move(places, source)
        self._builder = PackBuilder(self._kind, self._repository.keyring.sealer(), self._room)
        self._sources = []
