"""Who uses what: raw, deduplicated and stored bytes of each user or snapshot, and what each snapshot added.

Each chunk is noted with its cost and with every snapshot that holds it, in buckets by the first byte of its id; the
buckets are then added up one after the other, so that memory holds the chunks of one in 256 only.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter

from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.manifest import Manifest
from holdfast.backup.pack import read_footer
from holdfast.backup.parallel import each
from holdfast.backup.ports import PackRow, PackState
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.spill import Buckets
from holdfast.backup.tree import references_of_each
from holdfast.errors import IntegrityError, NotFound

COST = struct.Struct("<32sId")
"""A chunk, its plaintext bytes, its share of a stored block."""
USE = struct.Struct("<32sIQ")
"""A chunk, a number of a snapshot, and which of the 64 from there on hold the chunk: one bit each."""
MOST_SUMS = 100_000
WALKED_TOGETHER = 64
"""Snapshots: a folder that they share is read once, and their folders are looked up and read together."""


@dataclass(slots=True)
class Usage:
    """What one group of snapshots uses, bytes.

    `raw` is what its snapshots would take without deduplication, `distinct` the plaintext left with it, `stored` what
    that takes compressed and encrypted, `own` the part of `stored` that no other group uses: what would be freed
    without it. `share` is `own` and an equal part, with each other group that uses it, of the rest: the shares of all
    groups add up to what is stored.
    """

    name: str
    snapshots: int = 0
    raw: int = 0
    distinct: int = 0
    stored: float = 0.0
    share: float = 0.0
    own: float = 0.0


@dataclass(slots=True)
class Addition:
    """What one snapshot holds (`raw`), and what of it no earlier one held, bytes."""

    snapshot: SnapshotId
    time: datetime
    raw: int
    distinct: int = 0
    stored: float = 0.0


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Each group, largest first by stored bytes, all of them together, and what each snapshot added, oldest first."""

    groups: tuple[Usage, ...]
    total: Usage
    additions: tuple[Addition, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    """One snapshot and the group it counts for."""

    added: Addition
    group: Usage
    roots: tuple[ChunkId, ...]
    origin: tuple[str, str]

    @property
    def age(self) -> tuple[datetime, SnapshotId]:
        return self.added.time, self.added.snapshot


def measure_usage(
    repository: Repository,
    manifests: Iterable[Manifest],
    group_of: Callable[[Manifest], str],
    *,
    workers: int = 1,
    progress: Callable[[str], None] = lambda _step: None,
) -> UsageReport:
    """Measure what each group uses of the repository; reads every footer and every tree, no data.

    Memory: some 2 bytes for each chunk of the repository and 200 for each folder of 64 snapshots, one that they share
    counted once, beside what a reader caches; the rest lies in a temporary file, 44 bytes for each chunk and 44 for
    each 64 snapshots that hold it.

    Raises:
        IntegrityError: a pack or a tree node cannot be read.
    """
    held = _held(manifests, group_of)
    walked = _to_walk(held)
    costs, uses = _costs(repository, workers, progress), _uses(repository, walked, progress)
    sums = _Sums(walked)
    for bucket in sorted(uses.filled):
        sums.add(costs.read(bucket), uses.read(bucket))
    sums.distribute()
    groups = {one.group.name: one.group for one in held}.values()
    return UsageReport(
        tuple(sorted(groups, key=lambda one: (-one.stored, one.name))), _total(held), tuple(one.added for one in held)
    )


def _held(manifests: Iterable[Manifest], group_of: Callable[[Manifest], str]) -> list[_Held]:
    """Return the snapshots, oldest first."""
    groups: dict[str, Usage] = {}
    held = []
    for manifest in manifests:
        name, raw = group_of(manifest), manifest.counts.get("size", 0)
        group = groups.setdefault(name, Usage(name))
        group.snapshots += 1
        group.raw += raw
        origin = manifest.user, manifest.host
        held.append(_Held(Addition(manifest.id, manifest.time, raw), group, manifest.roots, origin))
    return sorted(held, key=attrgetter("age"))


def _to_walk(held: Sequence[_Held]) -> list[_Held]:
    """Return the snapshots group by group, each oldest first, and next to those of the same user and host."""
    first: dict[str, _Held] = {}
    for one in held:
        first.setdefault(one.group.name, one)

    def place(one: _Held) -> tuple[object, ...]:
        oldest = first[one.group.name]
        return *oldest.origin, *oldest.age, *one.age

    return sorted(held, key=place)


def _costs(repository: Repository, workers: int, progress: Callable[[str], None]) -> Buckets[bytes]:
    def look(row: PackRow) -> list[bytes]:
        try:
            footer = read_footer(repository.objects, repository.keyring, row.pack)
        except NotFound as error:
            if row.pack in {one.pack for one in _readable(repository)}:
                raise IntegrityError(f"pack {row.pack} is missing; run `holdfast verify`") from error
            return []  # pruned meanwhile
        return [
            COST.pack(chunk, length, block.stored_bytes * length / block.raw_bytes)
            for block in footer.blocks
            for chunk, length in block.chunks
        ]

    def looked() -> Iterator[bytes]:
        for number, costs in enumerate(each(look, _readable(repository), workers), 1):
            progress(f"packs looked into: {number}")
            yield from costs

    return _bucketed(looked())


def _readable(repository: Repository) -> Iterator[PackRow]:
    return (row for row in repository.index.packs() if row.state in (PackState.LIVE, PackState.CONDEMNED))


def _uses(repository: Repository, walked: Sequence[_Held], progress: Callable[[str], None]) -> Buckets[bytes]:
    """Note for each chunk which snapshots hold it; of those of one group, at least the first that does."""
    reader = ChunkReader(repository)

    def found() -> Iterator[bytes]:
        known: Iterable[ChunkId] = ()
        for first in range(0, len(walked), WALKED_TOGETHER):
            progress(f"snapshots walked: {first} of {len(walked)}")
            together = walked[first : first + WALKED_TOGETHER]
            seen = dict.fromkeys(known, _bits(together, together[0].group))
            for chunk, holders in references_of_each(reader, [one.roots for one in together], seen):
                yield USE.pack(chunk, first, holders)
            last = _bits(together, together[-1].group)
            following = walked[first + WALKED_TOGETHER : first + WALKED_TOGETHER + 1]
            goes_on = bool(following) and following[0].group is together[-1].group
            known = {mark for mark, holders in seen.items() if holders & last} if goes_on else ()

    return _bucketed(found())


def _bits(together: Sequence[_Held], group: Usage) -> int:
    return sum(1 << number for number, one in enumerate(together) if one.group is group)


def _bucketed(rows: Iterable[bytes]) -> Buckets[bytes]:
    buckets: Buckets[bytes] = Buckets()
    for row in rows:
        buckets.add(row[:1], row)
    return buckets


Holders = tuple[tuple[int, int], ...]
"""Which snapshots hold a chunk, as `USE` has them."""


class _Sums:
    """Adds up chunks that the same snapshots hold, and then gives those snapshots and their groups what they have."""

    def __init__(self, walked: Sequence[_Held]) -> None:
        self._walked = walked
        self._sums: dict[Holders, tuple[int, float]] = {}

    def add(self, costs: bytes, uses: bytes) -> None:
        """Add the chunks of one bucket."""
        known = {chunk: (length, stored) for chunk, length, stored in COST.iter_unpack(costs)}
        for chunk, rows in groupby(sorted(USE.iter_unpack(uses)), key=itemgetter(0)):
            bits: dict[int, int] = {}
            for _, first, some in rows:
                bits[first] = bits.get(first, 0) | some
            holders, (length, stored) = tuple(bits.items()), known.get(chunk, (0, 0.0))
            before = self._sums.get(holders, (0, 0.0))
            self._sums[holders] = before[0] + length, before[1] + stored
        if len(self._sums) > MOST_SUMS:
            self.distribute()

    def distribute(self) -> None:
        """Give what was added to who uses it, and to the snapshot that had it first."""
        for holders, (length, stored) in self._sums.items():
            snapshots = [self._walked[number] for number in _numbers(holders)]
            oldest = min(snapshots, key=attrgetter("age")).added
            oldest.distinct += length
            oldest.stored += stored
            users = {id(one.group): one.group for one in snapshots}.values()
            for group in users:
                group.distinct += length
                group.stored += stored
                group.share += stored / len(users)
                group.own += stored if len(users) == 1 else 0.0
        self._sums.clear()


def _numbers(holders: Holders) -> Iterator[int]:
    for first, bits in holders:
        while bits:
            lowest = bits & -bits
            yield first + lowest.bit_length() - 1
            bits ^= lowest


def _total(held: Sequence[_Held]) -> Usage:
    total = Usage("all", snapshots=len(held))
    for added in map(attrgetter("added"), held):
        total.raw += added.raw
        total.distinct += added.distinct
        total.stored += added.stored
    total.own = total.share = total.stored
    return total
