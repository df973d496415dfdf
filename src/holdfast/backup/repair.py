"""Bringing back what is damaged, from a replica, from what is whole still, or from the source.

The order of the writes is in `docs/design/repair.md`: no pack is replaced, and nothing whole is ever taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from holdfast.backup.compact import BlockMover
from holdfast.backup.condemn import condemn
from holdfast.backup.drop_lost import Dropped, drop_lost
from holdfast.backup.exclusion import LEASE, alone
from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.manifest import PREFIX as MANIFESTS
from holdfast.backup.manifest import manifest_ids
from holdfast.backup.mark import LOOKUP_BATCH, batches
from holdfast.backup.pack import Block, footer_in, open_block, pack_key, pack_of_key, read_footer
from holdfast.backup.parallel import each
from holdfast.backup.ports import PackKind, PackRow, PackState
from holdfast.backup.reader import ChunkReader
from holdfast.backup.rebuild import NOBODY, import_snapshot, rebuild_catalogue
from holdfast.backup.replica import Replica
from holdfast.backup.repository import Repository
from holdfast.backup.sources import Source
from holdfast.backup.store_tree import TreeStore
from holdfast.backup.verify import Damage, VerifyReport, verify
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import IntegrityError, NotFound

OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairReport:
    """What was damaged, and what is still; `rebuilt` if the catalogue was made anew; `bytes_stored` in new packs."""

    found: VerifyReport
    left: VerifyReport
    rebuilt: bool
    packs_evacuated: int
    manifests_healed: int
    bytes_stored: int
    dropped: tuple[Dropped, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged now."""
        return self.left.ok


def repair(
    repository: Repository,
    *,
    owner: str,
    replica: Replica | None = None,
    source: Source | None = None,
    without_lost: bool = False,
    lease: timedelta = LEASE,
    progress: OnStep | None = None,
    workers: int = 1,
) -> RepairReport:
    """Heal what can be healed; what is left is damaged beyond this replica and this source. Safe to repeat.

    With `without_lost` each snapshot that lacks something still is replaced by a copy that says so.

    Reads every byte of the repository once, twice where the index was wrong. Backups and restores go on meanwhile.

    Raises:
        Conflict: a prune or another repair is at work.
        InvalidRequest: the repository is open read-only.
    """
    with alone(repository.ledger, repository.clock, owner=owner, lease=lease) as tick:
        return _Repair(repository, tick, replica, source, without_lost, progress or (lambda _: None), workers).run()


@dataclass(slots=True)
class _Repair:
    """One run. Each method is a step of the page."""

    repository: Repository
    tick: Callable[[], None]
    replica: Replica | None
    source: Source | None
    without_lost: bool
    progress: OnStep
    workers: int
    bad: set[PackId] = field(default_factory=set)
    rebuilt: bool = False
    manifests_healed: int = 0
    bytes_stored: int = 0

    def run(self) -> RepairReport:
        """Verify, and heal until nothing changes any more."""
        found = report = self._verify(read_data=True)
        if any(_is_of_the_index(damage) for damage in report.damage) or self._lacks_records():
            self.progress("rebuilding the catalogue")
            rebuild_catalogue(self.repository, workers=self.workers)
            self.rebuilt = True
            report = self._verify(read_data=True)
        before: set[object] | None = None
        while not report.ok and (now := _state(report)) != before:
            self._heal(report.damage)
            before, report = now, self._verify()
        dropped = self._drop_lost(report)
        report = self._verify() if dropped else report
        return RepairReport(
            found=found,
            left=report,
            rebuilt=self.rebuilt,
            packs_evacuated=len(self.bad),
            manifests_healed=self.manifests_healed,
            bytes_stored=self.bytes_stored,
            dropped=dropped,
        )

    def _drop_lost(self, report: VerifyReport) -> tuple[Dropped, ...]:
        if report.ok or not self.without_lost:
            return ()
        self.progress("copying snapshots without what is lost")
        return tuple(drop_lost(self.repository, report))

    def _lacks_records(self) -> bool:
        """Say whether the catalogue knows nothing of some manifest, as after its loss."""
        ids = list(manifest_ids(self.repository))
        return len(self.repository.ledger.get(ids)) < len(ids)

    def _verify(self, *, read_data: bool = False) -> VerifyReport:
        self.progress("reading every byte" if read_data else "verifying what was healed")
        return verify(self.repository, read_data=read_data, workers=self.workers, progress=lambda *_: self.tick())

    def _heal(self, damages: Collection[Damage]) -> None:
        bad = {pack for damage in damages if (pack := pack_of_key(damage.object))} - self.bad
        for id_ in _manifests(damages):
            self._heal_manifest(id_)
        for pack in sorted(bad):
            self._evacuate(pack)
        self._condemn(bad)
        self.bad |= bad
        wanted = {chunk for damage in damages for chunk in damage.chunks}
        self._unpoint(wanted)
        self._store_again(wanted)

    def _heal_manifest(self, id_: SnapshotId) -> None:
        sealed = self.replica and self.replica.manifest(id_)
        if sealed:
            self.progress(f"bringing back the manifest of {id_[:12]}")
            self.repository.objects.delete(MANIFESTS + id_)
            self.repository.objects.put(MANIFESTS + id_, sealed)
            self.manifests_healed += 1
            import_snapshot(self.repository, id_)  # one that had no record has one now

    def _evacuate(self, pack: PackId) -> None:
        """Copy the replica's blocks of this pack, or else those of ours that are whole, to new packs."""
        self.progress(f"copying what is whole of {pack_key(pack)[:20]}")
        data = self.replica and self.replica.pack(pack)
        found = list(whole_blocks(self.repository, pack, data or self._own(pack)))
        movers: dict[PackKind, BlockMover] = {}
        for kind, block, sealed in found:
            self.tick()
            mover = movers.setdefault(kind, BlockMover(self.repository, kind, NOBODY))
            mover.add(pack, block, sealed)
            self.bytes_stored += len(sealed)
        for mover in movers.values():
            mover.close()

    def _own(self, pack: PackId) -> bytes:
        try:
            return self.repository.objects.get(pack_key(pack))
        except NotFound:
            return b""

    def _condemn(self, packs: Collection[PackId]) -> None:
        """From here on no session takes a chunk from these packs."""
        rows = {row.pack: row for row in self.repository.index.packs() if row.pack in packs}
        unknown = [PackRow(pack=pack, kind=PackKind.DATA, size=0, session=NOBODY) for pack in packs - rows.keys()]
        condemn(self.repository, [row for row in rows.values() if row.state is PackState.LIVE] + unknown)

    def _unpoint(self, chunks: Iterable[ChunkId]) -> None:
        """Take away the rows of damaged chunks that still name a bad pack."""
        for batch in batches(chunks, LOOKUP_BATCH):
            in_pack: dict[PackId, list[ChunkId]] = {}
            for chunk, place in self.repository.index.readable(batch).items():
                in_pack.setdefault(place.pack, []).append(chunk)
            for pack in in_pack.keys() & self.bad:
                self.repository.index.unpoint(pack, in_pack[pack])

    def _missing(self, chunks: Collection[ChunkId]) -> set[ChunkId]:
        found: set[ChunkId] = set()
        for batch in batches(chunks, LOOKUP_BATCH):
            found |= self.repository.index.usable(batch).keys()
        return set(chunks) - found

    def _point_elsewhere(self, missing: Collection[ChunkId]) -> None:
        """Point chunks at other packs that hold them: two writers may have stored one, or an earlier repair."""
        self.progress("looking for copies in other packs")

        def look(row: PackRow) -> tuple[PackId, list[ChunkId]]:
            try:
                return row.pack, read_footer(self.repository.objects, self.repository.keyring, row.pack).chunks
            except (NotFound, IntegrityError):
                return row.pack, []

        rows = [
            row for row in self.repository.index.packs() if row.state is PackState.LIVE and row.pack not in self.bad
        ]
        for pack, chunks in each(look, rows, self.workers):
            self.tick()
            if not set(missing).isdisjoint(chunks):
                self.repository.index.publish(pack, chunks)

    def _store_again(self, wanted: Collection[ChunkId]) -> None:
        """Give what has no place one: in other packs of ours, from the replica, then from the source."""
        writer = ChunkWriter(self.repository, NOBODY)
        if missing := self._missing(wanted):
            self._point_elsewhere(missing)
        if self.replica and (missing := self._missing(wanted)):
            self.progress(f"looking for {len(missing)} chunks in the replica")
            for kind, plaintext in self.replica.chunks(missing):
                self.tick()
                writer.add(kind, plaintext)
            writer.flush()
        if self.source and self._missing(wanted):
            self.progress("reading the source again")
            reader = ChunkReader(self.repository)
            tree = TreeStore(self.repository, writer, self.source, reader, tick=self.tick)
            for path in self.source.paths:
                tree.store(path)
            tree.flush()
        self.bytes_stored += writer.bytes_stored


def whole_blocks(repository: Repository, pack: PackId, data: bytes) -> Iterator[tuple[PackKind, Block, bytes]]:
    """Yield the blocks of a pack that are what they should be, sealed as they are; none if its footer is not."""
    try:
        footer = footer_in(repository.keyring, pack, data)
    except IntegrityError:
        return
    for block in footer.blocks:
        sealed = data[block.offset : block.offset + block.stored_bytes]
        try:
            open_block(repository.keyring, block, sealed)
        except IntegrityError:
            continue
        yield footer.kind, block, sealed


def _manifests(damages: Iterable[Damage]) -> Iterator[SnapshotId]:
    for damage in damages:
        if damage.object.startswith(MANIFESTS):
            yield SnapshotId(damage.object.removeprefix(MANIFESTS))


def _is_of_the_index(damage: Damage) -> bool:
    return damage.object.startswith(("index of ", "chunk "))


def _state(report: VerifyReport) -> set[object]:
    return {(damage.object, frozenset(damage.chunks)) for damage in report.damage}
