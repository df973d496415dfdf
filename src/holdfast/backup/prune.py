"""Reclaiming what no snapshot refers to, while backups go on.

The order of the steps is what keeps every snapshot whole; `docs/design/repository-format.md` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from holdfast.backup.compact import Candidate, choose, compact
from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.manifest import PREFIX as MANIFESTS
from holdfast.backup.mark import Mark
from holdfast.backup.pack import pack_key, read_footer
from holdfast.backup.ports import PackKind, PackRow, PackState, Record
from holdfast.backup.rebuild import NOBODY
from holdfast.backup.rebuild import PREFIX as PACKS
from holdfast.backup.repository import Repository
from holdfast.errors import Conflict, IntegrityError, NotFound

LOCK = "prune"
LEASE = timedelta(minutes=15)
RECORDS_KEPT = timedelta(days=90)
"""How long the record of a forgotten, failed or abandoned session stays to be looked at."""
ATTEMPTS = 5
OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunePlan:
    """What a prune would do now, if nobody else did anything: bytes are stored bytes."""

    snapshots_kept: int
    packs_kept: int
    packs_dead: int
    packs_to_rewrite: int
    packs_waiting: int
    bytes_dead: int
    bytes_to_copy: int


@dataclass(slots=True, kw_only=True)
class PruneReport:
    """What a prune did. `packs_waiting` are condemned and wait for sessions that were at work, with their bytes."""

    sessions_abandoned: int = 0
    manifests_deleted: int = 0
    packs_condemned: int = 0
    packs_rewritten: int = 0
    packs_revived: int = 0
    packs_deleted: int = 0
    packs_waiting: int = 0
    bytes_copied: int = 0
    bytes_deleted: int = 0
    bytes_waiting: int = 0


def plan_prune(repository: Repository) -> PrunePlan:
    """Look, change nothing."""
    rows = list(repository.index.packs())
    mark = Mark()
    active = mark.extend(repository)
    used = mark.places(repository)
    live = [row for row in rows if row.state is PackState.LIVE and row.pack in used]
    dead = _dead(rows, used, active)
    rewrite = choose(repository, _settled(live, active), used)
    waiting = [row for row in rows if row.state in (PackState.CONDEMNED, PackState.DELETING)]
    return PrunePlan(
        snapshots_kept=len(mark.walked),
        packs_kept=len(live) - len(rewrite),
        packs_dead=len(dead),
        packs_to_rewrite=len(rewrite),
        packs_waiting=len(waiting),
        bytes_dead=sum(row.size for row in [*dead, *waiting]) + sum(one.row.size - one.live_bytes for one in rewrite),
        bytes_to_copy=sum(one.live_bytes for one in rewrite),
    )


def prune(
    repository: Repository, *, owner: str, lease: timedelta = LEASE, progress: OnStep | None = None
) -> PruneReport:
    """Delete what no snapshot refers to and nobody at work may still come to refer to; safe beside any backup.

    Two prunes exclude each other to save work. One that dies leaves nothing the next does not clear.

    Raises:
        Conflict: another prune is at work.
        IntegrityError: the catalogue does not account for what is stored; nothing was deleted.
    """
    job = _Pruning(repository, owner, lease, progress or (lambda _: None))
    job.tick()
    try:
        return job.run()
    finally:
        repository.ledger.unlock(LOCK, owner)


def _settled(rows: Iterable[PackRow], active: Iterable[Record]) -> list[PackRow]:
    """Return the packs that are no active session's own: what it stored is referred to only once it commits."""
    at_work = {record.id for record in active}
    return [row for row in rows if row.session not in at_work]


def _dead(rows: Iterable[PackRow], used: Iterable[PackId], active: Iterable[Record]) -> list[PackRow]:
    kept = set(used)
    return [
        row
        for row in _settled(rows, active)
        if row.state in (PackState.LIVE, PackState.PENDING) and row.pack not in kept
    ]


@dataclass(slots=True)
class _Pruning:
    """One run. Each method is one step of the page."""

    repository: Repository
    owner: str
    lease: timedelta
    progress: OnStep
    mark: Mark = field(default_factory=Mark)
    report: PruneReport = field(default_factory=PruneReport)
    _orphans: list[PackRow] = field(default_factory=list)

    def run(self) -> PruneReport:
        """Do the steps in their order."""
        self._clear_ended()
        epoch = self.repository.ledger.epoch()
        rows, active, used = self._look()
        self._judge(rows, active, used, epoch)
        rewritten = self._compact(rows, active, used)
        self._condemn([*_dead(rows, used.keys() - rewritten, active), *self._orphans])
        self._judge_again()
        return self.report

    def tick(self) -> None:
        """Keep the lock; raise Conflict if someone else has it."""
        now = self.repository.clock.now()
        self.repository.ledger.lock(LOCK, self.owner, now + self.lease, now)

    def _step(self, text: str) -> None:
        self.tick()
        self.progress(text)

    def _clear_ended(self) -> None:
        """Step 1: fence sessions whose lease ended, and delete the manifests nobody may use any more."""
        self._step("clearing ended sessions")
        ledger, now = self.repository.ledger, self.repository.clock.now()
        for record in ledger.active():
            if record.lease_until < now:
                self.report.sessions_abandoned += ledger.abandon(record.id, now)
        ended = ledger.ended()
        parents = {record.parent for record in ledger.active()}
        free = [record.id for record in ended if record.id not in parents]
        for id_ in free:
            self._delete_manifest(id_)
        ledger.retire(free, now + RECORDS_KEPT)
        current = ledger.epoch()
        if any(row.epoch == current for row in self.repository.index.packs()):
            ledger.advance_epoch()  # a prune died between its condemnations and this

    def _delete_manifest(self, id_: SnapshotId) -> None:
        key = MANIFESTS + id_
        if self.repository.objects.size(key) is not None:
            self.repository.objects.delete(key)
            self.report.manifests_deleted += 1

    def _look(self) -> tuple[list[PackRow], list[Record], dict[PackId, list[ChunkId]]]:
        """Step 2: objects, then rows, then who is at work, then the mark, then places; in this order."""
        self._step("marking what snapshots refer to")
        stored = {PackId(one.key.rsplit("/", 1)[-1]): one.size for one in self.repository.objects.list(PACKS)}
        rows = list(self.repository.index.packs())
        known = {row.pack for row in rows}
        self._orphans = [
            PackRow(pack=pack, kind=PackKind.DATA, size=size, session=NOBODY)
            for pack, size in stored.items()
            if pack not in known
        ]
        active = self.mark.extend(self.repository)
        for id_ in self.mark.leftover:
            self._delete_manifest(id_)
        return rows, active, self.mark.places(self.repository)

    def _judge(
        self, rows: Iterable[PackRow], active: Iterable[Record], used: dict[PackId, list[ChunkId]], epoch: int
    ) -> None:
        """Step 3: condemned packs come back if referred to, go if nobody at work can know them, or wait.

        `epoch` was read before the rows: what was condemned in it, sessions of the same epoch may still come to use.
        """
        self._step("deleting condemned packs")
        oldest = min([epoch, *(record.epoch for record in active)])
        self.report.packs_waiting = self.report.bytes_waiting = 0
        for row in rows:
            if row.state is PackState.DELETING:
                self._delete(row)
            elif row.state is PackState.CONDEMNED and row.pack in used:
                self.report.packs_revived += self.repository.index.revive(row.pack)
            elif row.state is PackState.CONDEMNED and oldest <= _epoch(row):
                self.report.packs_waiting += 1
                self.report.bytes_waiting += row.size
            elif row.state is PackState.CONDEMNED:
                self._delete(row)

    def _delete(self, row: PackRow) -> None:
        """Delete in the order that a crash cannot make a row name what is not there: rows, object, pack row."""
        index, objects = self.repository.index, self.repository.objects
        if not index.begin_delete(row.pack, _epoch(row)):
            return  # another prune judged it anew
        self.tick()
        try:
            chunks = read_footer(objects, self.repository.keyring, row.pack).chunks
        except (NotFound, IntegrityError):
            chunks = []  # never published, or past reading: rows that still name it count as absent
        index.unpoint(row.pack, chunks)
        objects.delete(pack_key(row.pack))
        index.remove(row.pack)
        self.report.packs_deleted += 1
        self.report.bytes_deleted += row.size

    def _compact(
        self, rows: Iterable[PackRow], active: Iterable[Record], used: dict[PackId, list[ChunkId]]
    ) -> set[PackId]:
        """Step 4: rewrite what is mostly dead or small; return the packs that nothing refers to any more."""
        live = [row for row in _settled(rows, active) if row.state is PackState.LIVE and row.pack in used]
        candidates: list[Candidate] = choose(self.repository, live, used)
        if not candidates:
            return set()
        self._step("rewriting packs that are mostly dead or small")
        self.report.bytes_copied = compact(self.repository, candidates, NOBODY, self.tick)
        moved = {
            one.row.pack
            for one in candidates
            if all(place.pack != one.row.pack for place in self.repository.index.readable(used[one.row.pack]).values())
        }
        self.report.packs_rewritten = len(moved)
        return moved

    def _condemn(self, rows: Iterable[PackRow]) -> None:
        """Step 5: condemn with the current epoch, then advance it, so that later sessions are told apart."""
        self._step("condemning packs that nothing refers to")
        before = self.report.packs_condemned
        for row in rows:
            self.report.packs_condemned += self._condemn_one(row)
            self.tick()
        if self.report.packs_condemned > before:
            self.repository.ledger.advance_epoch()

    def _condemn_one(self, row: PackRow) -> bool:
        for _ in range(ATTEMPTS):
            with suppress(Conflict):  # the epoch moved on between the reading and the writing
                return self.repository.index.condemn(row, self.repository.ledger.epoch())
        raise Conflict("the epoch keeps changing: another prune is at work; try again when it is done")

    def _judge_again(self) -> None:
        """Step 6: what nobody at work can know of goes at once, after a second mark and look-up."""
        epoch = self.repository.ledger.epoch()
        rows = [row for row in self.repository.index.packs() if row.state is PackState.CONDEMNED]
        if not rows:
            return
        self._step("marking what was committed meanwhile")
        active = self.mark.extend(self.repository)
        self._judge(rows, active, self.mark.places(self.repository), epoch)


def _epoch(row: PackRow) -> int:
    return row.epoch or 0
