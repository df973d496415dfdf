"""What an operator does when a region is gone: open the replica alone, find what is whole, restore it, compare."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.backup.manifest import load_manifest
from holdfast.backup.ports import Record
from holdfast.backup.reader import ChunkReader
from holdfast.backup.rebuild import rebuild_catalogue
from holdfast.backup.repository import Repository, open_repository
from holdfast.backup.restore import restore
from holdfast.backup.stores.memory import MemoryCatalogue
from holdfast.backup.targets.directory import DirectoryTarget
from holdfast.backup.tree import references
from holdfast.errors import IntegrityError, NotFound
from holdfast.rehearsal.measure_recovery import Acknowledged, Difference, Restored, compare
from holdfast.rehearsal.steps_backup import Day, Loss
from holdfast.rehearsal.steps_scene import Scene
from holdfast.rehearsal.steps_source import in_threads
from holdfast.report.model import Mark
from holdfast.report.units import bytes_text, count_text

RESTORERS = 3


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What came back from the replica, and how long after the loss its last byte did."""

    seconds: float
    files: int
    bytes: int
    restored: Sequence[Restored]
    differences: Sequence[Difference]


def recover(scene: Scene, days: Sequence[Day], loss: Loss) -> Recovered:
    """Restore every user's newest whole snapshot from the replica and compare every file."""
    work = _restore(scene, _open(scene), loss)
    seconds = scene.journal.event("last byte restored", Mark.GOOD) - loss.elapsed
    restored, differences = _compare(scene, work, days)
    shutil.rmtree(work.folder, ignore_errors=True)
    return Recovered(seconds=seconds, files=work.files, bytes=work.bytes, restored=restored, differences=differences)


def _open(scene: Scene) -> Repository:
    vault = scene.vault
    with scene.journal.step("open the replica") as step:
        objects = vault.objects(vault.replica_region, vault.names.replica_bucket)
        keys = [vault.replica_key()]
        catalogue = MemoryCatalogue()
        repository = open_repository(objects, catalogue, catalogue, keys, clock=scene.clock)
        rebuilt = rebuild_catalogue(repository, workers=8)
        step.figures.update(packs=rebuilt.packs, chunks=rebuilt.chunks, snapshots=rebuilt.snapshots)
        step.figures.update(unreadable=len(rebuilt.damaged))
        step.says = f"catalogue of {count_text(rebuilt.snapshots)} snapshots from {count_text(rebuilt.packs)} packs"
    return repository


def by_user(records: Iterable[Record], users: Iterable[str]) -> dict[str, list[Record]]:
    """Return the snapshots of each of these users, newest first; nobody else's name becomes a path here."""
    found: dict[str, list[Record]] = {user: [] for user in users}
    for record in sorted(records, key=lambda record: record.start, reverse=True):
        if record.user in found:
            found[record.user].append(record)
    return found


def is_whole(repository: Repository, reader: ChunkReader, record: Record) -> bool:
    """Tell whether everything a snapshot refers to arrived: replication copies objects in any order."""
    try:
        manifest = load_manifest(repository, record.id)
        wanted = set(references(reader, manifest.roots, set()))
    except (IntegrityError, NotFound):
        return False
    return len(repository.index.readable(wanted)) == len(wanted)


@dataclass
class Restoring:
    """Restores each user's newest whole snapshot below `folder` and counts what came back."""

    repository: Repository
    folder: Path
    elapsed: Callable[[], float]
    chosen: dict[str, Record] = field(default_factory=dict)
    passed_over: int = 0  # snapshots newer than the one restored, of which something had not arrived
    files: int = 0
    bytes: int = 0
    failed: list[Difference] = field(default_factory=list)
    curve: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _local: threading.local = field(default_factory=threading.local)

    def one(self, user: str, records: Sequence[Record]) -> None:
        """Restore the first whole snapshot of these; a file that fails is noted and the rest restored."""
        reader = self._reader()
        for passed_over, record in enumerate(records):
            if is_whole(self.repository, reader, record):
                self._restore(user, record, reader, passed_over)
                return
        with self._lock:
            self.passed_over += len(records)

    def _reader(self) -> ChunkReader:
        """Return this thread's reader, which still holds what its users share."""
        if not hasattr(self._local, "reader"):
            self._local.reader = ChunkReader(self.repository)
        reader: ChunkReader = self._local.reader
        return reader

    def _restore(self, user: str, record: Record, reader: ChunkReader, passed_over: int) -> None:
        target = DirectoryTarget(os.fsencode(self.folder / user))
        summary = restore(self.repository, record.id, target, reader=reader)
        with self._lock:
            self.chosen[user] = record
            self.passed_over += passed_over
            self.files += summary.files
            self.bytes += summary.bytes_written
            self.curve.append((self.elapsed(), self.bytes / 1e6))
            self.failed += [
                Difference(user=user, path=os.fsdecode(one.path), what=one.reason, snapshot=record.id)
                for one in summary.failed
            ]


def _restore(scene: Scene, repository: Repository, loss: Loss) -> Restoring:
    with scene.journal.step("restore") as step:
        work = Restoring(repository, scene.work / "restored", lambda: scene.journal.elapsed() - loss.elapsed)
        work.curve.append((work.elapsed(), 0.0))

        users = by_user(repository.ledger.completed(), scene.source.held)

        def one(item: tuple[str, list[Record]]) -> None:
            work.one(*item)
            step.update(f"{len(work.chosen)} of {len(users)} users, {bytes_text(work.bytes)}")

        in_threads(one, users.items(), RESTORERS)
        scene.journal.curve("restore", title="restored", x_unit="s", y_unit="MB", points=work.curve)
        step.figures.update(users=len(work.chosen), files=work.files, restored_bytes=work.bytes)
        step.figures.update(snapshots_not_whole=work.passed_over)
        step.says = f"{count_text(len(work.chosen))} users, {count_text(work.files)} files, {bytes_text(work.bytes)}"
    return work


def _compare(scene: Scene, work: Restoring, days: Sequence[Day]) -> tuple[list[Restored], list[Difference]]:
    """Read everything back from the disk and compare it with what each snapshot must hold."""
    with scene.journal.step("compare") as step:
        restored, differences, files = [], list(work.failed), 0
        for user, record in sorted(work.chosen.items()):
            back = Restored(user=user, snapshot=record.id, files=digest_tree(work.folder / user))
            wanted = scene.ledger.expected[day_of(record, days).name, user]
            entry = Acknowledged(snapshot=record.id, user=user, day="", at=0.0, files=wanted)
            restored.append(back)
            differences += compare(entry, back)
            files += len(wanted)
            step.update(f"{files} files")
        step.figures.update(files=files, differences=len(differences))
        step.says = f"{count_text(files)} files read back, {count_text(len(differences))} differ"
    return restored, differences


def day_of(record: Record, days: Sequence[Day]) -> Day:
    """Return the day a snapshot was made on: the last that had begun."""
    return next(day for day in reversed(days) if record.start >= day.began)


def digest_tree(home: Path) -> dict[str, tuple[str, int]]:
    """Return the SHA-256 and size of every file below `home`, read back from the disk, by path."""
    found = {}
    for folder, _, names in os.walk(home):
        for name in names:
            path = Path(folder, name)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(home).as_posix()] = (digest, path.stat().st_size)
    return found
