"""What a restore will read, take and cost, before it is begun; and thawing what it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from holdfast.backup.cold import (
    STANDARD,
    Temperature,
    Tier,
    cold_store,
    lookup_cost,
    read_cost,
    temperatures,
    thaw_all,
    thaw_cost,
    thaw_wait,
)
from holdfast.backup.entry import EntryKind
from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.locate import Located, locate, roots
from holdfast.backup.manifest import PREFIX as MANIFESTS
from holdfast.backup.manifest import Manifest, load_manifest
from holdfast.backup.mark import LOOKUP_BATCH, batches
from holdfast.backup.pack import pack_key
from holdfast.backup.ports import PackKind
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.tree import content_of, walk
from holdfast.errors import InvalidRequest

BYTES_A_SECOND = 90_000_000
"""What one process reads from S3 in its region, bytes a second, as the reader's own limits assume."""
REQUESTS_A_PACK = 5
"""Measured: 4 to 5 of a pack of 16 MiB in a whole restore by four processes (`docs/cost.md`)."""


@dataclass(slots=True)
class ClassShare:
    """What of a restore lies in one storage class: packs, their bytes, and how much of that must be thawed first."""

    storage_class: str
    packs: int = 0
    bytes: int = 0
    cold_packs: int = 0
    cold_bytes: int = 0


@dataclass(slots=True)
class RestorePlan:
    """What a restore will take. `pack_bytes` is the most that is read; `bytes` what is written."""

    snapshot: SnapshotId
    tier: Tier
    days: int
    files: int = 0
    bytes: int = 0
    chunks: int = 0
    packs: int = 0
    pack_bytes: int = 0
    shares: dict[str, ClassShare] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    @property
    def cold_packs(self) -> int:
        """How many packs must be thawed."""
        return sum(share.cold_packs for share in self.shares.values())

    @property
    def wait(self) -> timedelta:
        """The longest that thawing typically takes."""
        cold = [share for share in self.shares.values() if share.cold_packs]
        return max((thaw_wait(share.storage_class, self.tier) for share in cold), default=timedelta())

    @property
    def transfer(self) -> timedelta:
        """How long reading takes at `BYTES_A_SECOND`."""
        return timedelta(seconds=self.pack_bytes / BYTES_A_SECOND)

    @property
    def dollars(self) -> float:
        """What looking up, thawing and reading cost, in the region; leaving it costs more."""
        looked_up = lookup_cost(self.chunks) if self.shares else 0.0
        return looked_up + sum(self._cost(share) for share in self.shares.values())

    def _cost(self, share: ClassShare) -> float:
        thaw = thaw_cost(share.storage_class, self.tier, self.days, share.cold_packs, share.cold_bytes)
        return thaw + read_cost(share.storage_class, REQUESTS_A_PACK * share.packs, share.bytes)


def plan_restore(
    repository: Repository,
    snapshot: SnapshotId,
    *,
    path: bytes | None = None,
    tier: Tier = Tier.STANDARD,
    days: int = 7,
    workers: int = 1,
) -> RestorePlan:
    """Tell what restoring the snapshot, or what is at `path` in it, will take. Reads trees, no data.

    Raises:
        NotFound: no such snapshot or path.
        StoreDenied: its trees are archived themselves: `thaw_trees` first.
    """
    plan = RestorePlan(snapshot, tier, days)
    reader = ChunkReader(repository)
    manifest = load_manifest(repository, snapshot)
    packs = _packs_of(repository, _chunks(reader, manifest, path, plan), plan)
    sizes = {row.pack: row.size for row in repository.index.packs() if row.pack in packs}
    plan.packs, plan.pack_bytes = len(packs), sum(sizes.values())
    plan.keys = [pack_key(pack) for pack in sorted(packs)]
    store = cold_store(repository.objects)
    if store is not None:
        _sort(plan, temperatures(store, plan.keys, workers=workers), {pack_key(p): size for p, size in sizes.items()})
    return plan


def _sort(plan: RestorePlan, found: dict[str, Temperature], sizes: dict[str, int]) -> None:
    for key, at in found.items():
        share = plan.shares.setdefault(at.storage_class or STANDARD, ClassShare(at.storage_class or STANDARD))
        share.packs += 1
        share.bytes += sizes.get(key, 0)
        if not at.readable:
            share.cold_packs += 1
            share.cold_bytes += sizes.get(key, 0)


def _chunks(reader: ChunkReader, manifest: Manifest, path: bytes | None, plan: RestorePlan) -> Iterable[ChunkId]:
    tops = roots(reader, manifest) if path is None else [locate(reader, manifest, path)]
    for entry in (entry for top in tops for entry in _below(reader, top)):
        if entry.entry.kind is EntryKind.FILE:
            plan.files += 1
            plan.bytes += entry.entry.size
            yield from (item for item in content_of(reader, entry.entry) if not isinstance(item, int))


def _below(reader: ChunkReader, top: Located) -> Iterable[Located]:
    yield top
    if top.entry.kind is EntryKind.DIRECTORY:
        for _, entry in walk(reader, top.entry.nodes, top.entry.levels):
            yield Located(b"", entry)


def _packs_of(repository: Repository, chunks: Iterable[ChunkId], plan: RestorePlan) -> set[PackId]:
    found: set[PackId] = set()
    for batch in batches(chunks, LOOKUP_BATCH):
        plan.chunks += len(batch)
        found.update(place.pack for place in repository.index.readable(batch).values())
    return found


def thaw_trees(repository: Repository, snapshot: SnapshotId, tier: Tier, days: int, *, workers: int = 1) -> int:
    """Thaw the manifest and every tree pack: which of them a snapshot needs can be read only from themselves.

    They are a hundredth of a repository or so. Returns how many had to be.
    """
    store = cold_store(repository.objects)
    if store is None:
        return 0
    trees = [pack_key(row.pack) for row in repository.index.packs() if row.kind is PackKind.TREE]
    return thaw_all(store, [MANIFESTS + snapshot, *trees], tier, days, repository.clock, workers=workers)


def thaw(repository: Repository, plan: RestorePlan, *, workers: int = 1) -> int:
    """Ask for every pack of the plan that is archived and wait until all can be read; return how many there were."""
    store = cold_store(repository.objects)
    if store is None:
        return 0
    return thaw_all(store, plan.keys, plan.tier, plan.days, repository.clock, workers=workers)


def refuse_cold(plan: RestorePlan) -> None:
    """Refuse a restore that would stop at an archived pack.

    Raises:
        InvalidRequest: something must be thawed.
    """
    if plan.cold_packs:
        raise InvalidRequest(
            f"{plan.cold_packs} of {plan.packs} packs are archived: add --thaw standard or --thaw bulk, "
            "and see with --plan what that takes"
        )
