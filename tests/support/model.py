"""Small worlds of writers, forgetters and pruners over the real jobs: who may break which snapshot, and when."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from holdfast.backup.checkpoints import CheckpointRate
from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ids import ChunkId, RepositoryId, SnapshotId
from holdfast.backup.manifest import load_manifest
from holdfast.backup.prune import prune
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.resume import last_interrupted
from holdfast.backup.sealing import Keyring, Ring
from holdfast.backup.stores.memory import MemoryObjects
from holdfast.backup.tree import references
from holdfast.errors import Conflict, LeaseLost
from tests.support.clocks import FakeClock
from tests.support.schedule import Choose, Schedule
from tests.support.sources import Script, ScriptedSource
from tests.support.stepwise import StepwiseCatalogue

LEASE = timedelta(minutes=15)
NEVER = CheckpointRate(least=timedelta(days=365), most=timedelta(days=365))
AFTER_EVERY_FILE = CheckpointRate(least=timedelta(0), data_bytes=1)
Rewire = Callable[[Repository], Repository]
"""Puts something between a job and its ports."""


class Broken(AssertionError):
    """An acknowledged snapshot lacks a chunk."""


def files(text: str) -> dict[bytes, Script]:
    """One file a letter; equal letters have equal content and fingerprints."""
    made = {}
    for letter in text:
        content = hashlib.sha256(letter.encode()).digest() * 4
        made[letter.encode()] = Script([content], fingerprint=letter.encode())
    return made


@dataclass
class World:
    """A repository, and what its users were told is safe. With `checkpoints`, they go on where one was killed."""

    ids: Iterable[int]
    clock: FakeClock = field(default_factory=lambda: FakeClock(step=timedelta(milliseconds=1)))
    catalogue: StepwiseCatalogue = field(default_factory=StepwiseCatalogue)
    acknowledged: set[SnapshotId] = field(default_factory=set)
    forgotten: set[SnapshotId] = field(default_factory=set)
    checkpoints: CheckpointRate = NEVER
    taken_over: int = 0
    """Bytes of files that were not read."""

    def __post_init__(self) -> None:
        self._ids = iter(self.ids)
        self.repository = Repository(
            id=RepositoryId("0" * 32),
            objects=MemoryObjects(),
            index=self.catalogue,
            ledger=self.catalogue,
            keyring=RING,
            limits=ChunkLimits(),
            clock=self.clock,
        )

    def new_id(self) -> SnapshotId:
        return SnapshotId(f"{next(self._ids):032x}")

    def back_up(
        self,
        text: str,
        *,
        user: str = "ann",
        through: Repository | None = None,
        resume: SnapshotId | None = None,
    ) -> SnapshotId | None:
        """Back the letters up; None if the session was fenced too often or its packs were collected."""
        source, ports = ScriptedSource(files(text)), through or self.repository
        if resume is None and self.checkpoints is not NEVER:
            resume = last_interrupted(ports, user, "host", source.paths)
        with suppress(LeaseLost, Conflict):
            summary = create_snapshot(
                ports,
                source,
                user=user,
                host="host",
                lease=LEASE,
                new_id=self.new_id,
                checkpoints=self.checkpoints,
                resume=resume,
            )
            self.acknowledged.add(summary.snapshot)
            self.taken_over += summary.size - summary.bytes_read
            return summary.snapshot
        return None

    def forget(self, ids: Iterable[SnapshotId], *, through: Repository | None = None) -> None:
        for id_ in ids:
            self.forgotten.add(id_)
            (through or self.repository).ledger.forget([id_])

    def forget_all_but_newest(self, *, through: Repository | None = None) -> None:
        repository = through or self.repository
        self.forget([record.id for record in repository.ledger.completed()[1:]], through=repository)

    def prune(self, owner: str = "pruner", *, through: Repository | None = None) -> None:
        """Prune; giving way to another prune is no failure."""
        with suppress(Conflict):
            prune(through or self.repository, owner=owner, lease=LEASE)

    def check(self) -> None:
        """Read every acknowledged snapshot whole.

        Raises:
            Broken: one cannot be.
        """
        listed = {record.id for record in self.repository.ledger.completed()}
        for id_ in self.acknowledged - self.forgotten:
            if id_ not in listed:
                raise Broken(f"{id_} is not listed")
        for id_ in listed:
            self._read(id_)

    def references(self, id_: SnapshotId) -> list[ChunkId]:
        """Every chunk that the snapshot refers to."""
        return list(references(ChunkReader(self.repository), load_manifest(self.repository, id_).roots, set()))

    def _read(self, id_: SnapshotId) -> None:
        try:
            found = self.references(id_)
            assert len(list(ChunkReader(self.repository).fetch(found))) == len(found)
        except Exception as error:
            raise Broken(f"{id_}: {error}") from error

    def settle(self) -> None:
        """Let every lease end, then prune until nothing is left to do."""
        self.clock.sleep(timedelta(hours=1).total_seconds())
        for _ in range(3):
            prune(self.repository, owner="last", lease=LEASE)

    def stored_packs(self) -> int:
        return len(list(self.repository.objects.list("packs/")))


RING = Keyring(Ring.new())


def same(repository: Repository) -> Repository:
    """Nothing between."""
    return repository


def run(
    world: World,
    jobs: Mapping[str, Callable[[Repository], Any]],
    choose: Choose,
    *,
    rewire: Rewire = same,
    kill: tuple[str, int] | None = None,
) -> Schedule:
    """Run the jobs against each other, each through stepped ports; pruners' are rewired; kill one at its n-th turn."""
    turns: dict[str, int] = dict.fromkeys(jobs, 0)

    def chosen(waiting: Sequence[str], last: str | None) -> str:
        name = choose(waiting, last)
        turns[name] += 1
        if kill == (name, turns[name]):
            schedule.kill(name)
        return name

    schedule = Schedule(chosen)
    world.catalogue.between = schedule.step
    stepped = schedule.repository(world.repository)
    for name, job in jobs.items():
        ports = rewire(stepped) if name.startswith("prune") else stepped
        schedule.add(name, partial(job, ports))
    schedule.run()
    world.catalogue.between = lambda: None
    return schedule


def with_ledger(change: Callable[[Any], Any]) -> Rewire:
    """A rewiring that replaces the ledger."""
    return lambda repository: repository._replace(ledger=change(repository.ledger))


def with_index(change: Callable[[Any], Any]) -> Rewire:
    """A rewiring that replaces the index."""
    return lambda repository: repository._replace(index=change(repository.index))
