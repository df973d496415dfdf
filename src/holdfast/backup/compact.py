"""Moving what is still referred to out of packs that are mostly dead or small, without decrypting it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.pack import Block, Footer, PackBuilder, pack_key, read_footer
from holdfast.backup.ports import PackKind, PackRow, PackState
from holdfast.backup.repository import Repository
from holdfast.backup.writer import PACK_BYTES, store_pack
from holdfast.errors import Conflict, HoldfastError, IntegrityError, NotFound

LIVE_SHARE = 0.8
"""A pack with less of its bytes referred to is rewritten: dead bytes stay under a quarter of the live ones."""
SMALL_SHARE = 0.25
"""A pack below this share of the full size is small; small ones are merged only into full-sized packs, so that no
block is rewritten twice for smallness."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pack to rewrite: its blocks that hold chunks still referred to."""

    row: PackRow
    blocks: tuple[Block, ...]

    @property
    def live_bytes(self) -> int:
        """Stored bytes to copy."""
        return sum(block.stored_bytes for block in self.blocks)


def choose(
    repository: Repository, rows: Iterable[PackRow], used: Mapping[PackId, Collection[ChunkId]]
) -> list[Candidate]:
    """Return the packs worth rewriting. Reads the footer of every pack given."""
    sparse: list[Candidate] = []
    small: dict[PackKind, list[Candidate]] = {kind: [] for kind in PackKind}
    for row in rows:
        try:
            footer = read_footer(repository.objects, repository.keyring, row.pack)
        except NotFound as error:
            raise _gone(repository, row.pack) from error
        candidate = Candidate(row, _live_blocks(footer, set(used.get(row.pack, ()))))
        if candidate.live_bytes < LIVE_SHARE * sum(block.stored_bytes for block in footer.blocks):
            sparse.append(candidate)
        elif row.size < SMALL_SHARE * PACK_BYTES[row.kind]:
            small[row.kind].append(candidate)
    for kind, candidates in small.items():
        if sum(candidate.live_bytes for candidate in candidates) >= PACK_BYTES[kind]:
            sparse += candidates
    return sparse


def _gone(repository: Repository, pack: PackId) -> HoldfastError:
    """Tell a pack that was lost from one that another prune, which we should exclude, collected meanwhile."""
    if any(row.pack == pack and row.state is PackState.LIVE for row in repository.index.packs()):
        return IntegrityError(f"pack {pack} is missing; run `holdfast verify`; it was not pruned")
    return Conflict("another prune collected a pack that this one looks at; try again when that is done")


def _live_blocks(footer: Footer, chunks: set[ChunkId]) -> tuple[Block, ...]:
    return tuple(block for block in footer.blocks if any(chunk in chunks for chunk, _ in block.chunks))


def compact(
    repository: Repository, candidates: Iterable[Candidate], session: SnapshotId, tick: Callable[[], None]
) -> int:
    """Copy the candidates' live blocks to new packs, point the index at them, and return the bytes copied.

    A crash leaves chunks in two packs, one of which is named; the old packs are not touched.
    """
    moving = {kind: _Moving(repository, kind, session) for kind in PackKind}
    copied = 0
    for candidate in sorted(candidates, key=lambda one: one.row.pack):
        try:
            data = repository.objects.get(pack_key(candidate.row.pack))
        except NotFound as error:
            raise _gone(repository, candidate.row.pack) from error
        tick()
        for block in candidate.blocks:
            sealed = data[block.offset : block.offset + block.stored_bytes]
            moving[candidate.row.kind].add(candidate.row.pack, block, sealed)
            copied += len(sealed)
    for one in moving.values():
        one.close()
    return copied


class _Moving:
    """A new pack being filled with blocks of old ones."""

    def __init__(self, repository: Repository, kind: PackKind, session: SnapshotId) -> None:
        self._repository = repository
        self._kind = kind
        self._session = session
        self._builder = PackBuilder(kind, repository.keyring.sealer())
        self._sources: list[tuple[PackId, Block]] = []

    def add(self, source: PackId, block: Block, sealed: bytes) -> None:
        self._builder.add_sealed(sealed, block.raw_bytes, block.chunks)
        self._sources.append((source, block))
        if self._builder.size >= PACK_BYTES[self._kind]:
            self.close()

    def close(self) -> None:
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
        self._builder = PackBuilder(self._kind, self._repository.keyring.sealer())
        self._sources = []
