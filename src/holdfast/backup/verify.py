"""Proving that what is stored is what was written: structure, a sample, or every byte."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random, SystemRandom

from holdfast.backup.entry import EntryKind
from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.manifest import Manifest, load_manifest
from holdfast.backup.pack import damaged_blocks, name_of, pack_key, read_footer
from holdfast.backup.ports import PackState
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.tree import content_of, references, walk
from holdfast.errors import IntegrityError, InvalidRequest, NotFound

LOOKUP_BATCH = 500
MOST_FILES = 100
"""A damage names this many files; the snapshots are all named."""
MOST_BLOCKS = 3
"""A message places this many damaged blocks of a pack."""
READABLE = frozenset({PackState.LIVE, PackState.CONDEMNED})
OnProgress = Callable[[int, int], None]


@dataclass(slots=True)
class Damage:
    """One damaged or missing object, and what cannot be restored whole because of it."""

    object: str
    what: str
    snapshots: list[SnapshotId] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    chunks: set[ChunkId] = field(default_factory=set, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What was looked at and what is wrong with it. `bytes_read` counts stored bytes of packs read back whole."""

    snapshots: int
    packs: int
    chunks: int
    bytes_read: int
    damage: tuple[Damage, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing wrong was found."""
        return not self.damage


def verify(
    repository: Repository,
    *,
    read_data: bool = False,
    sample: float | None = None,
    random: Random | None = None,
    progress: OnProgress | None = None,
) -> VerifyReport:
    """Check every snapshot's structure, and the bytes of all packs (`read_data`) or of a random share (`sample`).

    Structure: every manifest opens, every tree node is read, every chunk referred to has a place in a pack whose
    footer names it there. Bytes: the pack's name, every block's authentication, every chunk's id.
    A sample of n packs finds a damaged share p of them with probability 1 - (1 - p)^n.
    Memory grows with the number of distinct chunks referred to, about 150 bytes each.

    Raises:
        InvalidRequest: a sample that is not above 0 and at most 1.
    """
    if sample is not None and not 0 < sample <= 1:
        raise InvalidRequest(f"sample must be above 0 % and at most 100 %, got {sample:.2%}")
    job = _Verification(repository)
    job.walk()
    job.check_index()
    packs = sorted(job.footers)
    chosen = _choose(packs, 1.0 if read_data else sample, random or SystemRandom())
    for done, pack in enumerate(chosen, 1):
        job.read_pack(pack)
        if progress:
            progress(done, len(chosen))
    job.blame()
    return VerifyReport(
        snapshots=job.snapshots,
        packs=len(packs),
        chunks=len(job.chunks),
        bytes_read=job.bytes_read,
        damage=tuple(job.damage.values()),
    )


def _choose(packs: Sequence[PackId], share: float | None, random: Random) -> Sequence[PackId]:
    if share is None:
        return ()
    return sorted(random.sample(packs, math.ceil(share * len(packs))))


class _Verification:
    """One run: what was found so far."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._reader = ChunkReader(repository)
        self._manifests: list[Manifest] = []
        self.snapshots = 0
        self.bytes_read = 0
        self.chunks: set[ChunkId] = set()
        self.footers: dict[PackId, PackState] = {}
        self.damage: dict[str, Damage] = {}

    def _note(self, object_: str, what: str, chunks: Iterable[ChunkId] = ()) -> Damage:
        damage = self.damage.setdefault(object_, Damage(object_, what))
        damage.chunks.update(chunks)
        return damage

    def walk(self) -> None:
        """Read every snapshot's trees, each shared node once."""
        seen: set[ChunkId] = set()
        for record in self._repository.ledger.completed():
            self.snapshots += 1
            try:
                manifest = load_manifest(self._repository, record.id)
            except (IntegrityError, NotFound) as error:
                self._note(f"snapshots/{record.id}", str(error)).snapshots.append(record.id)
                continue
            self._manifests.append(manifest)
            self.chunks.update(references(self._reader, manifest.roots, seen, on_damage=self._bad_node))

    def _bad_node(self, chunk: ChunkId, error: IntegrityError) -> None:
        self._note(f"tree node {chunk.hex()}", str(error), [chunk])

    def check_index(self) -> None:
        """Compare the index with the packs' footers: every chunk referred to must be where it says."""
        self.footers = {row.pack: row.state for row in self._repository.index.packs() if row.state in READABLE}
        expected = self._expected()
        for pack in sorted(self.footers.keys() | expected.keys()):
            wanted = expected.get(pack, [])
            try:
                held = read_footer(self._repository.objects, self._repository.keyring, pack).chunks
            except (IntegrityError, NotFound) as error:
                self._note(pack_key(pack), str(error), (chunk for _, chunk in wanted))
                continue
            wrong = [chunk for at, chunk in wanted if at >= len(held) or held[at] != chunk]
            if wrong:
                what = f"{len(wrong)} chunks are not where it says; run `holdfast repo rebuild`"
                self._note(f"index of {pack_key(pack)}", what, wrong)

    def _expected(self) -> dict[PackId, list[tuple[int, ChunkId]]]:
        expected: dict[PackId, list[tuple[int, ChunkId]]] = {}
        rest = iter(self.chunks)
        while batch := list(islice(rest, LOOKUP_BATCH)):
            places = self._repository.index.readable(batch)
            for chunk in batch:
                if chunk in places:
                    expected.setdefault(places[chunk].pack, []).append((places[chunk].ordinal, chunk))
                else:
                    what = "no pack holds it: bring it back from a replica, or back its source up again"
                    self._note(f"chunk {chunk.hex()}", what, [chunk])
        return expected

    def read_pack(self, pack: PackId) -> None:
        """Read a whole pack; check its name and every chunk."""
        key = pack_key(pack)
        try:
            data = self._repository.objects.get(key)
        except NotFound as error:
            self._note(key, str(error), self._chunks_in(pack))
            return
        self.bytes_read += len(data)
        problems = [] if name_of(data) == pack else ["its bytes are not those it is named by"]
        try:
            footer, bad = damaged_blocks(self._repository.keyring, pack, data)
        except IntegrityError as error:
            self._note(key, str(error), self._chunks_in(pack))
            return
        if bad:
            where = ", ".join(f"number {at} at byte {footer.blocks[at].offset}" for at in bad[:MOST_BLOCKS])
            problems.append(f"{len(bad)} of its {len(footer.blocks)} blocks are damaged: {where}")
        if problems:
            self._note(key, "; ".join(problems), (chunk for at in bad for chunk, _ in footer.blocks[at].chunks))

    def _chunks_in(self, pack: PackId) -> list[ChunkId]:
        found = []
        rest = iter(self.chunks)
        while batch := list(islice(rest, LOOKUP_BATCH)):
            places = self._repository.index.readable(batch)
            found += [chunk for chunk, place in places.items() if place.pack == pack]
        return found

    def blame(self) -> None:
        """Name the snapshots and files that damaged chunks belong to; costs a walk, only if something is damaged."""
        damaged = {chunk: damage for damage in self.damage.values() for chunk in damage.chunks}
        if not damaged:
            return
        for manifest in self._manifests:
            for path, chunks in self._files(manifest):
                for damage in {id(damaged[c]): damaged[c] for c in chunks if c in damaged}.values():
                    if manifest.id not in damage.snapshots:
                        damage.snapshots.append(manifest.id)
                    if path and path not in damage.files and len(damage.files) < MOST_FILES:
                        damage.files.append(path)

    def _files(self, manifest: Manifest) -> Iterable[tuple[str, list[ChunkId]]]:
        """Yield each file with its chunks; what cannot be walked is blamed on the snapshot, without a path."""
        seen: set[ChunkId] = set()
        nodes = list(references(self._reader, manifest.roots, seen, on_damage=lambda *_: None))
        yield "", nodes
        try:
            for source in manifest.sources:
                for path, entry in walk(self._reader, source.root):
                    if entry.kind is EntryKind.FILE:
                        chunks = [item for item in content_of(self._reader, entry) if not isinstance(item, int)]
                        yield os.fsdecode(b"/".join(path)), chunks
        except IntegrityError:
            return
