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
from holdfast.backup.tree import references

COST = struct.Struct("<32sId")
"""A chunk, its plaintext bytes, its share of a stored block."""
USE = struct.Struct("<32sI")
"""A chunk, and the number of a snapshot that holds it."""


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


def measure_usage(
    repository: Repository,
    manifests: Iterable[Manifest],
    group_of: Callable[[Manifest], str],
    *,
    workers: int = 1,
    progress: Callable[[str], None] = lambda _step: None,
) -> UsageReport:
    """Measure what each group uses of the repository; reads every footer and every tree, no data.

    Memory: some 2 bytes for each chunk of the repository and 120 for each folder of one group, beside what a reader
    caches; the rest lies in a temporary file, 44 bytes for each chunk and 36 for each group that uses it.

    Raises:
        IntegrityError: a pack or a tree node cannot be read.
    """
    held = _held(manifests, group_of)
    costs, uses = _costs(repository, workers, progress), _uses(repository, held, progress)
    for bucket in sorted(uses.filled):
        _count(held, costs.read(bucket), uses.read(bucket))
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
        held.append(_Held(Addition(manifest.id, manifest.time, raw), group, manifest.roots))
    return sorted(held, key=lambda one: (one.added.time, one.added.snapshot))


def _costs(repository: Repository, workers: int, progress: Callable[[str], None]) -> Buckets[bytes]:
    def look(row: PackRow) -> list[bytes]:
        footer = read_footer(repository.objects, repository.keyring, row.pack)
        return [
            COST.pack(chunk, length, block.stored_bytes * length / block.raw_bytes)
            for block in footer.blocks
            for chunk, length in block.chunks
        ]

    def looked() -> Iterator[bytes]:
        live = (row for row in repository.index.packs() if row.state in (PackState.LIVE, PackState.CONDEMNED))
        for number, costs in enumerate(each(look, live, workers), 1):
            progress(f"packs looked into: {number}")
            yield from costs

    return _bucketed(looked())


def _uses(repository: Repository, held: Sequence[_Held], progress: Callable[[str], None]) -> Buckets[bytes]:
    """Note the chunks of every snapshot, group by group: what one has in common with an earlier one only once."""
    reader = ChunkReader(repository)

    def walked() -> Iterator[bytes]:
        numbered, done = sorted(enumerate(held), key=lambda one: one[1].group.name), 0
        for _, members in groupby(numbered, key=lambda one: one[1].group.name):
            seen: set[ChunkId] = set()
            for number, one in members:
                progress(f"snapshots walked: {done} of {len(held)}")
                done += 1
                for chunk in references(reader, one.roots, seen, repeating=True):
                    yield USE.pack(chunk, number)

    return _bucketed(walked())


def _bucketed(rows: Iterable[bytes]) -> Buckets[bytes]:
    buckets: Buckets[bytes] = Buckets()
    for row in rows:
        buckets.add(row[:1], row)
    return buckets


def _count(held: Sequence[_Held], costs: bytes, uses: bytes) -> None:
    """Add the chunks of one bucket to who uses them and to the snapshot that had them first."""
    known = {chunk: (length, stored) for chunk, length, stored in COST.iter_unpack(costs)}
    for chunk, rows in groupby(sorted(USE.iter_unpack(uses)), key=itemgetter(0)):
        length, stored = known.get(chunk, (0, 0.0))
        snapshots = [held[number] for _, number in rows]
        first = snapshots[0].added
        first.distinct += length
        first.stored += stored
        users = {id(one.group): one.group for one in snapshots}.values()
        for group in users:
            group.distinct += length
            group.stored += stored
            group.share += stored / len(users)
            group.own += stored if len(users) == 1 else 0.0


def _total(held: Sequence[_Held]) -> Usage:
    total = Usage("all", snapshots=len(held))
    for added in map(attrgetter("added"), held):
        total.raw += added.raw
        total.distinct += added.distinct
        total.stored += added.stored
    total.own = total.share = total.stored
    return total
