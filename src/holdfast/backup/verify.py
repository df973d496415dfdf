"""Proving that what is stored is what was written: structure, a sample, or every byte."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import NamedTuple, TypeVar

from holdfast.backup.blame import Blame
from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.manifest import Manifest, load_manifest, manifest_ids
from holdfast.backup.mark import LOOKUP_BATCH, MANIFESTS_AT_ONCE, batches
from holdfast.backup.mend_keys import damaged_keys
from holdfast.backup.pack import pack_key
from holdfast.backup.parallel import begun, each
from holdfast.backup.ports import PackState, Status
from holdfast.backup.reader import ChunkReader
from holdfast.backup.remote import is_remote, requests_at_once
from holdfast.backup.repository import Repository, require_current_keys
from holdfast.backup.spill import ChunksByPack, ChunkSet
from holdfast.backup.tree import references
from holdfast.backup.verify_packs import Look, LooksApart, look_at
from holdfast.errors import IntegrityError, InvalidRequest, NotFound

MOST_FILES = 100
"""A damage names this many files; the snapshots are all named."""
LOOKED_AT_HERE = 4
"""So many packs, 64 MiB, are read before worker processes pay."""
ADVICE = "; run `holdfast verify`"
"""What errors about damage end with; here it would send people where they are."""
FEED_EVERY = 500
"""Chunks walked or looked up between two looks at what the worker processes do: about 5 ms."""
T = TypeVar("T")
OnProgress = Callable[[int, int], None]


@dataclass(slots=True)
class Damage:
    """One damaged or missing object, and what cannot be restored whole because of it."""

    object: str
    what: str
    snapshots: list[SnapshotId] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    chunks: set[ChunkId] = field(default_factory=set, repr=False)
    gone: bool = field(default=False, repr=False)
    """Whether it may have been pruned meanwhile: then it is damage only if a snapshot that still stands needs it."""


class VerifyReport(NamedTuple):
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
    workers: int = 1,
    jobs: int = 1,
) -> VerifyReport:
    """Check every snapshot's structure, and the bytes of all packs (`read_data`) or of a random share (`sample`).

    Structure: every manifest opens, every tree node is read, every chunk referred to has a place in a pack whose
    footer names it there. Bytes: the pack's name, every block's authentication, every chunk's id.
    A sample of n packs finds a damaged share p of them with probability 1 - (1 - p)^n.
    `workers` packs are read at a time, each about 16 MiB at most; with `jobs` above 1 whole packs are read by so many
    processes instead, and the object store must be one that a forked process may use.
    Chunks beyond a bound are noted in a temporary file, 100 bytes each: memory stays the same.

    Raises:
        InvalidRequest: a sample that is not above 0 and at most 1.
    """
    if sample is not None and not 0 < sample <= 1:
        raise InvalidRequest(f"sample must be above 0 % and at most 100 %, got {sample:.2%}")
    job = _Verification(repository, jobs)
    try:
        job.begin(read_data=read_data)
        job.walk(workers)
        job.check_packs(1.0 if read_data else sample, random or SystemRandom(), workers, progress)
    finally:
        job.close()
    job.blame()
    if job.damage:
        require_current_keys(repository)
    job.note_keys()
    return VerifyReport(
        snapshots=job.snapshots,
        packs=job.packs,
        chunks=len(job.chunks),
        bytes_read=job.bytes_read,
        damage=tuple(job.damage.values()),
    )


@contextmanager
def _looking_at_keys(repository: Repository) -> Iterator[Callable[[], Sequence[tuple[str, str]]]]:
    """Look for what is damaged of what opens the repository: when asked, or, where answers come late, meanwhile."""

    def look() -> Sequence[tuple[str, str]]:
        return list(damaged_keys(repository.objects))

    with begun(look) if is_remote(repository.objects) else nullcontext(look) as looked:
        yield looked


def _choose(packs: Sequence[PackId], share: float | None, random: Random) -> Sequence[PackId]:
    if share is None:
        return ()
    return sorted(random.sample(packs, math.ceil(share * len(packs))))


class _Verification:
    """One run: what was found so far."""

    def __init__(self, repository: Repository, jobs: int) -> None:
        self._repository = repository
        self._jobs = jobs
        self._reader = ChunkReader(repository)
        self._manifests: list[Manifest] = []
        self.snapshots = 0
        self.bytes_read = 0
        self.chunks = ChunkSet()
        self.packs = 0
        self._live: Collection[PackId] = ()
        self._condemned: Collection[PackId] = ()
        self._keys: Sequence[tuple[str, str]] = ()
        self.damage: dict[str, Damage] = {}
        self._apart: LooksApart | None = None

    def begin(self, *, read_data: bool) -> None:
        """List the packs; to read data, have worker processes read all of them: they need not wait for the walk.

        What comes later is looked at as far as a snapshot refers to it.
        """
        packs: dict[PackState, set[PackId]] = {state: set() for state in PackState}
        for row in self._repository.index.packs():
            packs[row.state].add(row.pack)
        self._live, self._condemned = packs[PackState.LIVE], packs[PackState.CONDEMNED]
        if read_data:
            self._look_apart(self._live)

    def _look_apart(self, packs: Collection[PackId]) -> None:
        if self._apart is None and self._jobs > 1 and len(packs) > LOOKED_AT_HERE:
            self._apart = LooksApart(self._repository, packs, self._jobs)
            self._apart.feed()

    @property
    def _packs_apart(self) -> frozenset[PackId]:
        return self._apart.packs if self._apart else frozenset()

    def _feeding(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, and keep the worker processes busy meanwhile."""
        for number, item in enumerate(items):
            if self._apart is not None and number % FEED_EVERY == 0:
                self._apart.feed()
            yield item

    def close(self) -> None:
        """End the worker processes, if there are any."""
        if self._apart is not None:
            self._apart.close()

    def _note(self, object_: str, what: str, chunks: Iterable[ChunkId] = ()) -> Damage:
        damage = self.damage.setdefault(object_, Damage(object_, what.removesuffix(ADVICE)))
        damage.chunks.update(chunks)
        return damage

    def walk(self, workers: int) -> None:
        """Read every snapshot's trees, each shared node once."""
        seen: set[ChunkId] = set()
        self._note_unlisted()
        records = self._repository.ledger.completed()
        self.snapshots = len(records)
        for batch in batches([record.id for record in records], MANIFESTS_AT_ONCE):
            roots: list[ChunkId] = []
            for id_, found in zip(batch, each(self._load, batch, workers), strict=True):
                if isinstance(found, Manifest):
                    self._manifests.append(found)
                    roots += found.roots
                else:
                    self._note(f"snapshots/{id_}", found).snapshots.append(id_)
            met = references(self._reader, roots, seen, on_damage=self._bad_node, repeating=True)
            self.chunks.update(self._feeding(met))

    def _note_unlisted(self) -> None:
        """Name the manifests without a record: prune deletes nothing while there are any."""
        ids = list(manifest_ids(self._repository))
        known = self._repository.ledger.get(ids)
        for id_ in ids:
            if id_ not in known:
                what = "it has no record: run `holdfast repo rebuild`"
                self._note(f"snapshots/{id_}", what).snapshots.append(id_)

    def _load(self, id_: SnapshotId) -> Manifest | str:
        """Return the manifest, or what is wrong with it."""
        try:
            return load_manifest(self._repository, id_)
        except (IntegrityError, NotFound) as error:
            return str(error)

    def _bad_node(self, chunk: ChunkId, error: IntegrityError) -> None:
        damage = self._note(f"tree node {chunk.hex()}", str(error), [chunk])
        damage.gone = chunk not in self._repository.index.readable([chunk])

    def check_packs(self, share: float | None, random: Random, workers: int, progress: OnProgress | None) -> None:
        """Compare the index with what each pack holds; read a share of the packs whole."""
        expected = self._expected()
        packs = sorted(expected.keys() | self._live)
        chosen = set(_choose(packs, share, random))
        self._look_apart(chosen)
        self.packs = len(self._packs_apart.union(packs))
        with _looking_at_keys(self._repository) as keys:  # in a thread: whoever forks has done so
            for done, look in enumerate(self._looks(packs, chosen, workers), 1):
                self._judge(look, expected.placed(look.pack))
                if progress:
                    progress(done, self.packs)
            self._keys = keys()

    def _expected(self) -> ChunksByPack:
        expected = ChunksByPack()
        wanted = batches(self._feeding(self.chunks), LOOKUP_BATCH)
        at_once = requests_at_once(self._repository.index)
        for batch, places in each(lambda batch: (batch, self._places(batch)), wanted, at_once):
            for chunk in batch:
                if chunk in places:
                    expected.add(places[chunk].pack, places[chunk].ordinal, chunk)
                else:
                    what = "no pack holds it: bring it back from a replica, or back its source up again"
                    self._note(f"chunk {chunk.hex()}", what, [chunk]).gone = True
        return expected

    def _places(self, chunks: Sequence[ChunkId]) -> dict[ChunkId, Place]:
        """Return where chunks can be read. Called in threads where the index is remote."""
        places = self._repository.index.named(chunks)
        unsure = [
            c for c, place in places.items() if place.pack not in self._live and place.pack not in self._condemned
        ]
        if unsure:  # in packs that came since they were listed, or go
            readable = self._repository.index.readable(unsure)
            places = {chunk: place for chunk, place in places.items() if chunk not in unsure} | readable
        return places

    def _looks(self, packs: Sequence[PackId], chosen: Collection[PackId], workers: int) -> Iterator[Look]:
        """Look at every pack, in any order; at the chosen ones whole."""
        here = sorted(set(packs) - self._packs_apart)
        yield from self._feeding(each(lambda pack: look_at(self._repository, pack, pack in chosen), here, workers))
        if self._apart:
            yield from self._apart.rest()

    def _judge(self, look: Look, wanted: Sequence[tuple[int, ChunkId]]) -> None:
        self.bytes_read += look.bytes_read
        held = look.held
        if held is None:
            gone = look.missing and not self._is_live(look.pack)
            chunks = [chunk for _, chunk in wanted]
            lost = self._not_moved(look.pack, chunks) if gone else chunks
            if lost or not gone:
                self._note(pack_key(look.pack), "; ".join(look.problems), lost).gone = gone
            return
        if look.problems:
            self._note(pack_key(look.pack), "; ".join(look.problems), look.bad)
        wrong = [chunk for at, chunk in wanted if at >= len(held) or held[at] != chunk]
        if wrong:
            what = f"{len(wrong)} chunks are not where it says; run `holdfast repo rebuild`"
            self._note(f"index of {pack_key(look.pack)}", what, wrong)

    def _is_live(self, pack: PackId) -> bool:
        return any(row.pack == pack and row.state is PackState.LIVE for row in self._repository.index.packs())

    def _not_moved(self, pack: PackId, wanted: Sequence[ChunkId]) -> list[ChunkId]:
        places = self._repository.index.readable(wanted)
        return [chunk for chunk in wanted if chunk not in places or places[chunk].pack == pack]

    def note_keys(self) -> None:
        """Note what is damaged of what opens the repository."""
        for key, what in self._keys:
            self._note(key, what)

    def blame(self) -> None:
        """Name the snapshots and files that damaged chunks belong to; reads each distinct node once more."""
        noted = list(self.damage.values())
        damaged = defaultdict[ChunkId, int](int)
        for number, damage in enumerate(noted):
            for chunk in damage.chunks:
                damaged[chunk] |= 1 << number
        if not damaged:
            return
        blame = Blame(self._reader, damaged)
        records = self._repository.ledger.get([manifest.id for manifest in self._manifests])
        for manifest in self._manifests:
            if manifest.id not in records or records[manifest.id].status is not Status.COMPLETED:
                continue  # forgotten since this began
            hit = blame.of(manifest.roots)
            for number in _ones(hit):
                noted[number].snapshots.append(manifest.id)
            wanted = sum(1 << number for number in _ones(hit) if len(noted[number].files) < MOST_FILES)
            for source in manifest.sources:
                for path, bits in blame.files(source.root, wanted):
                    _name(os.fsdecode(b"/".join(path)), (noted[number] for number in _ones(bits)))
        self.damage = {key: one for key, one in self.damage.items() if one.snapshots or not one.gone}


def _ones(bits: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _name(path: str, damages: Iterable[Damage]) -> None:
    for damage in damages:
        if path and path not in damage.files and len(damage.files) < MOST_FILES:
            damage.files.append(path)
