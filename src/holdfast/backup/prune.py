"""Reclaiming what no snapshot refers to, while backups go on.

The order of the steps is what keeps every snapshot whole; `docs/design/repository-format.md` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from holdfast.backup.compact import choose, compact
from holdfast.backup.condemn import condemn
from holdfast.backup.exclusion import LEASE, alone
from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.manifest import PREFIX as MANIFESTS
from holdfast.backup.manifest import manifest_ids
from holdfast.backup.mark import Mark, batches
from holdfast.backup.pack import PREFIX as PACKS
from holdfast.backup.pack import pack_key, pack_of_key, read_footer
from holdfast.backup.parallel import each
from holdfast.backup.ports import PackKind, PackRow, PackState, Record
from holdfast.backup.rebuild import NOBODY
from holdfast.backup.repository import Repository
from holdfast.backup.resume import worth_keeping
from holdfast.backup.spill import ChunksByPack
from holdfast.backup.together import change_all, delete_all, remove_all
from holdfast.errors import Conflict, HoldfastError, IntegrityError, NotFound

RECORDS_KEPT = timedelta(days=90)
"""How long the record of a forgotten, failed or abandoned session stays to be looked at."""
DELETED_TOGETHER = 2048
"""Packs: where objects lie in 256 folders, each of which is flushed once, more saves little."""
UNPOINTED_TOGETHER = 32
"""Packs: with 128 chunks each, a transaction of 0.15 s where the index holds 2 million, which others wait for."""
READERS = 4
"""Packs read ahead, and compressed anew in part, while others are rewritten: up to 64 MiB."""
T = TypeVar("T")
R = TypeVar("R")
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
    bytes_to_rewrite: int


@dataclass(slots=True, kw_only=True)
class PruneReport:
    """What a prune did. `packs_waiting` are condemned and wait for sessions that were at work, with their bytes.

    Packs that were announced and never stored are neither deleted nor waiting: they have no bytes to reclaim.
    """

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


def plan_prune(repository: Repository, *, workers: int = 1) -> PrunePlan:
    """Look, change nothing; `workers` requests are under way at once."""
    rows = list(repository.index.packs())
    mark = Mark()
    active = mark.extend(repository, workers=workers)
    used = mark.places(repository)
    live = [row for row in rows if row.state is PackState.LIVE and row.pack in used]
    rewrite = choose(repository, _settled(live, active), used, workers=workers)
    absent = _absent(rows, _stored(repository)) if len(live) < len(rows) else set()
    dead = [row for row in _dead(rows, used, active) if row.pack not in absent]
    gone = (PackState.CONDEMNED, PackState.DELETING)
    waiting = [row for row in rows if row.state in gone and row.pack not in absent]
    return PrunePlan(
        snapshots_kept=len(mark.walked),
        packs_kept=len(live) - len(rewrite),
        packs_dead=len(dead),
        packs_to_rewrite=len(rewrite),
        packs_waiting=len(waiting),
        bytes_dead=sum(row.size for row in [*dead, *waiting]),
        bytes_to_rewrite=sum(row.size for row in rewrite),
    )


def prune(
    repository: Repository,
    *,
    owner: str,
    lease: timedelta = LEASE,
    progress: OnStep | None = None,
    workers: int = 1,
    readers: int = 1,
) -> PruneReport:
    """Delete what no snapshot refers to and nobody at work may still come to refer to; safe beside any backup.

    `workers` requests are under way at once: for stores that answer late, as S3 and DynamoDB do. `readers` threads
    read what is rewritten and compress it, each up to a pack.

    Two prunes exclude each other to save work. One that dies leaves nothing the next does not clear.

    Raises:
        Conflict: another prune is at work.
        IntegrityError: the catalogue does not account for what is stored; no data was deleted.
    """
    with alone(repository.ledger, repository.clock, owner=owner, lease=lease) as tick:
        return _Pruning(repository, tick, progress or (lambda _: None), workers, readers).run()


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


def _stored(repository: Repository) -> dict[PackId | None, int]:
    """Return the size of each pack that is stored; one key, None, stands for objects that are no packs."""
    return {pack_of_key(one.key): one.size for one in repository.objects.list(PACKS)}


def _absent(rows: Iterable[PackRow], stored: Mapping[PackId | None, int]) -> set[PackId]:
    """Return the packs that have a row and no object: they never came to be stored, or are deleted already."""
    return {row.pack for row in rows if row.state is not PackState.LIVE and row.pack not in stored}


@dataclass(slots=True)
class _Pruning:
    """One run. Each method is one step of the page."""

    repository: Repository
    tick: Callable[[], None]
    progress: OnStep
    workers: int
    readers: int
    mark: Mark = field(default_factory=Mark)
    report: PruneReport = field(default_factory=PruneReport)
    _orphans: list[PackRow] = field(default_factory=list)
    _absent: set[PackId] = field(default_factory=set)
    _contents: dict[PackId, list[ChunkId]] = field(default_factory=dict)

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

    def _step(self, text: str) -> None:
        self.tick()
        self.progress(text)

    def _each(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        for result in each(work, items, self.workers):
            self.tick()
            yield result

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
        self._delete_manifests(set(free) & set(manifest_ids(self.repository)))
        noting = {record.id for record in worth_keeping(ledger, ended, now)}
        ledger.retire([id_ for id_ in free if id_ not in noting], now + RECORDS_KEPT)
        current = ledger.epoch()
        if any(row.epoch == current for row in self.repository.index.packs()):
            ledger.advance_epoch()  # a prune died between its condemnations and this

    def _delete_manifests(self, ids: Collection[SnapshotId]) -> None:
        delete_all(self.repository.objects, [MANIFESTS + id_ for id_ in sorted(ids)], self._each)
        self.report.manifests_deleted += len(ids)

    def _look(self) -> tuple[list[PackRow], list[Record], ChunksByPack]:
        """Step 2: objects, then rows, then who is at work, then the mark, then places; in this order."""
        self._step("marking what snapshots refer to")
        stored = _stored(self.repository)
        rows = list(self.repository.index.packs())
        known = {row.pack for row in rows}
        self._absent = _absent(rows, stored)
        self._orphans = [
            PackRow(pack=pack, kind=PackKind.DATA, size=size, session=NOBODY)
            for pack, size in stored.items()
            if pack is not None and pack not in known
        ]
        active = self.mark.extend(self.repository, workers=self.workers)
        self._delete_manifests(self.mark.leftover)
        return rows, active, self.mark.places(self.repository)

    def _judge(self, rows: Iterable[PackRow], active: Iterable[Record], used: ChunksByPack, epoch: int) -> None:
        """Step 3: condemned packs come back if referred to, go if nobody at work can know them, or wait.

        `epoch` was read before the rows: what was condemned in it, sessions of the same epoch may still come to use.
        """
        self._step("deleting condemned packs")
        oldest = min([epoch, *(record.epoch for record in active)])
        self.report.packs_waiting = self.report.bytes_waiting = 0
        doomed = []
        for row in rows:
            if row.state is PackState.CONDEMNED and row.pack in used:
                self.report.packs_revived += self.repository.index.revive(row.pack)
            elif row.state is PackState.CONDEMNED and oldest <= _epoch(row):
                self.report.packs_waiting += row.pack not in self._absent
                self.report.bytes_waiting += self._size(row)
            elif row.state in (PackState.CONDEMNED, PackState.DELETING):
                doomed.append(row)
        for group in batches(doomed, DELETED_TOGETHER):
            self._delete(group)

    def _delete(self, rows: Sequence[PackRow]) -> None:
        """Delete in the order that a crash cannot make a row name what is not there: rows, object, pack row."""
        index, objects = self.repository.index, self.repository.objects
        begun = change_all(index, lambda row: index.begin_delete(row.pack, _epoch(row)), rows, self._each)
        mine = [row for row, is_begun in zip(rows, begun, strict=True) if is_begun]  # others judged the rest anew
        for group in batches(mine, UNPOINTED_TOGETHER):
            held = zip(group, self._each(lambda row: self._chunks_of(row.pack), group), strict=True)
            change_all(index, lambda one: index.unpoint(one[0].pack, one[1]), list(held), self._each)
        delete_all(objects, [pack_key(row.pack) for row in mine], self._each)
        remove_all(index, [row.pack for row in mine], self._each)
        self.report.packs_deleted += sum(row.pack not in self._absent for row in mine)
        self.report.bytes_deleted += sum(map(self._size, mine))

    def _size(self, row: PackRow) -> int:
        return 0 if row.pack in self._absent else row.size

    def _chunks_of(self, pack: PackId) -> list[ChunkId]:
        if pack in self._contents:
            return self._contents[pack]
        try:
            return read_footer(self.repository.objects, self.repository.keyring, pack).chunks
        except (NotFound, IntegrityError):
            return []  # never published, or past reading: rows that still name it count as absent

    def _compact(self, rows: Iterable[PackRow], active: Iterable[Record], used: ChunksByPack) -> set[PackId]:
        """Step 4: rewrite what is mostly dead or small; return the packs that nothing refers to any more."""
        live = [row for row in _settled(rows, active) if row.state is PackState.LIVE and row.pack in used]
        try:
            chosen = choose(self.repository, live, used, workers=self.workers)
            if not chosen:
                return set()
            self._step("rewriting packs that are mostly dead or small")
            done = compact(self.repository, chosen, used, NOBODY, self.tick, readers=self.readers)
        except NotFound as error:
            raise _gone(self.repository, live) from error
        self._contents |= done.contents
        self.report.bytes_copied = done.bytes_copied
        asked = [chunk for row in chosen for chunk in used[row.pack]]
        still = {place.pack for place in self.repository.index.readable(asked).values()}
        moved = {row.pack for row in chosen} - still
        self.report.packs_rewritten = len(moved)
        return moved

    def _condemn(self, rows: Iterable[PackRow]) -> None:
        """Step 5: condemn with the current epoch, then advance it, so that later sessions are told apart."""
        self._step("condemning packs that nothing refers to")
        self.report.packs_condemned += condemn(self.repository, rows, each=self._each)

    def _judge_again(self) -> None:
        """Step 6: what nobody at work can know of goes at once, after a second mark and look-up."""
        epoch = self.repository.ledger.epoch()
        rows = [row for row in self.repository.index.packs() if row.state is PackState.CONDEMNED]
        if not rows:
            return
        self._step("marking what was committed meanwhile")
        active = self.mark.extend(self.repository, workers=self.workers)
        self._judge(rows, active, self.mark.places(self.repository), epoch)


def _gone(repository: Repository, rows: Iterable[PackRow]) -> HoldfastError:
    """Tell a pack that was lost from one that another prune, which we should exclude, collected meanwhile."""
    live = {row.pack for row in repository.index.packs() if row.state is PackState.LIVE}
    for row in rows:
        if row.pack in live and repository.objects.size(pack_key(row.pack)) is None:
            return IntegrityError(f"pack {row.pack} is missing; run `holdfast verify`; nothing more was pruned")
    return Conflict("another prune collected a pack that this one looks at; try again when that is done")


def _epoch(row: PackRow) -> int:
    return row.epoch or 0
