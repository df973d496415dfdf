"""Who uses what: raw, deduplicated and stored bytes of each user or snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.backup.ids import ChunkId
from holdfast.backup.manifest import Manifest
from holdfast.backup.pack import read_footer
from holdfast.backup.parallel import each
from holdfast.backup.ports import PackRow, PackState
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.tree import references

SHARED = -1


class Cost(NamedTuple):
    """What one chunk takes: plaintext bytes, and its share of a stored block."""

    length: int
    stored: float


@dataclass(slots=True)
class Usage:
    """What one group of snapshots uses, bytes.

    `raw` is what its snapshots would take without deduplication, `distinct` the plaintext left with it, `stored` what
    that takes compressed and encrypted, and `own` the part of `stored` that no other group uses: what would be freed
    without it.
    """

    name: str
    snapshots: int = 0
    raw: int = 0
    distinct: int = 0
    stored: float = 0.0
    own: float = 0.0


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Each group, largest first by stored bytes, and all of them together."""

    groups: tuple[Usage, ...]
    total: Usage


def measure_usage(
    repository: Repository,
    manifests: Iterable[Manifest],
    group_of: Callable[[Manifest], str],
    *,
    workers: int = 1,
) -> UsageReport:
    """Measure what each group uses of the repository; reads every footer and every tree, no data.

    Memory: about 300 bytes for each chunk of the repository.

    Raises:
        IntegrityError: a pack or a tree node cannot be read.
    """
    costs = _costs(repository, workers)
    groups: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        groups.setdefault(group_of(manifest), []).append(manifest)
    owners: dict[ChunkId, int] = {}
    measured = [
        _measure(repository, name, members, costs, owners, number)
        for number, (name, members) in enumerate(sorted(groups.items()))
    ]
    for chunk, owner in owners.items():
        if owner != SHARED:
            measured[owner].own += _cost(costs, chunk).stored
    measured.sort(key=lambda one: (-one.stored, one.name))
    return UsageReport(tuple(measured), _total(measured, costs, owners))


def _costs(repository: Repository, workers: int) -> dict[ChunkId, Cost]:
    def look(row: PackRow) -> list[tuple[ChunkId, Cost]]:
        footer = read_footer(repository.objects, repository.keyring, row.pack)
        return [
            (chunk, Cost(length, block.stored_bytes * length / block.raw_bytes))
            for block in footer.blocks
            for chunk, length in block.chunks
        ]

    live = (row for row in repository.index.packs() if row.state in (PackState.LIVE, PackState.CONDEMNED))
    return {chunk: cost for pairs in each(look, live, workers) for chunk, cost in pairs}


def _measure(
    repository: Repository,
    name: str,
    members: Iterable[Manifest],
    costs: Mapping[ChunkId, Cost],
    owners: dict[ChunkId, int],
    number: int,
) -> Usage:
    usage = Usage(name)
    seen: set[ChunkId] = set()
    reader = ChunkReader(repository)
    for manifest in members:
        usage.snapshots += 1
        usage.raw += manifest.counts.get("size", 0)
        for chunk in references(reader, manifest.roots, seen):
            cost = _cost(costs, chunk)
            usage.distinct += cost.length
            usage.stored += cost.stored
            owners[chunk] = number if owners.get(chunk, number) == number else SHARED
    return usage


def _cost(costs: Mapping[ChunkId, Cost], chunk: ChunkId) -> Cost:
    return costs.get(chunk, Cost(0, 0.0))


def _total(measured: Iterable[Usage], costs: Mapping[ChunkId, Cost], owners: Iterable[ChunkId]) -> Usage:
    total = Usage("all")
    for one in measured:
        total.snapshots += one.snapshots
        total.raw += one.raw
    for chunk in owners:
        total.distinct += _cost(costs, chunk).length
        total.stored += _cost(costs, chunk).stored
    total.own = total.stored
    return total
