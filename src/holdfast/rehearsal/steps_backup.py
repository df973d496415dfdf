"""The days: users change their files, the daily rule fires, and the queue empties until every snapshot is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.backup.ports import Record
from holdfast.errors import PromiseNotMet
from holdfast.rehearsal.corpus import Corpus, change
from holdfast.rehearsal.steps_scene import Scene
from holdfast.rehearsal.steps_source import upload_in_children
from holdfast.rehearsal.steps_vault import Vault
from holdfast.report.model import Backup, Mark
from holdfast.report.units import bytes_text, count_text

STALLED_SECONDS = 90.0
"""A run in which nothing moves for so long has failed; a worker's slowest step takes a small part of it."""
POLL_SECONDS = 0.5
LOSE_AT_SHARE = 0.5
REPLICATION_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Day:
    """One run of the daily rule: its name, the time its event bears, and when it really began."""

    name: str
    slot: datetime
    began: datetime

    def snapshots(self, records: Sequence[Record]) -> list[Record]:
        """Return this run's among the acknowledged records; runs are told apart by when they began."""
        return [record for record in records if record.start >= self.began]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The moment a region was lost: on the run's clock, and in seconds since 1970."""

    region: str
    elapsed: float
    at: float


def upload(scene: Scene, corpus: Corpus) -> None:
    """Put every user's files into the source bucket."""
    with scene.journal.step("upload") as step:
        for files in upload_in_children(scene.source, corpus, scene.vault.aws, scene.vault.region):
            step.update(f"{files} files")
        versions = [version for held in scene.source.held.values() for version in held.values()]
        told = scene.told
        told.users, told.files, told.logical_bytes = scene.users, len(versions), sum(one.size for one in versions)
        step.figures.update(users=told.users, files=told.files, logical_bytes=told.logical_bytes)
        step.says = f"{count_text(told.users)} users, {count_text(told.files)} files, {bytes_text(told.logical_bytes)}"


def change_files(scene: Scene, corpus: Corpus, day: str) -> Corpus:
    """Change some of the users' files as people do; return what they hold now."""
    with scene.journal.step(f"change before {day}") as step:
        after, changes = change(corpus, scene.options.change_percent, seed=f"{scene.options.seed}/{day}")
        scene.source.apply(after, changes)
        step.figures.update(files_changed=len(changes), users_changed=len({made.user for made in changes}))
        step.says = f"{len(changes)} files edited, added, deleted or renamed"
    return after


def back_up(scene: Scene, name: str, *, days_ago: int) -> Day:
    """Play one day to its end: every user has a snapshot that was acknowledged."""
    with scene.journal.step(f"back up {name}") as step:
        day = _fire(scene, name, days_ago)
        records = until(scene, day, 1.0, step.update)
        acknowledge(scene, day, records)
        backup = backup_of(day, records)
        scene.told.backups.append(backup)
        _draw(scene, day, records)
        if len(scene.told.backups) == 1:
            scene.told.facts = dataclasses.replace(
                scene.told.facts, users_backed_up=scene.users, backup_seconds=backup.seconds
            )
        step.figures.update({key: value for key, value in vars_of(backup).items() if key != "name"})
        step.says = (
            f"{count_text(backup.snapshots)} snapshots, {bytes_text(backup.read_bytes)} read, "
            f"{bytes_text(backup.stored_bytes)} stored"
        )
    return day


def lose_region_in_the_middle(scene: Scene, name: str) -> tuple[Day, Loss]:
    """Begin a day, and lose the primary region when half of the users are done."""
    region = scene.vault.region
    with scene.journal.step(f"back up {name}") as step:
        day = _fire(scene, name, 0)
        records = until(scene, day, LOSE_AT_SHARE, step.update)
        scene.vault.aws.lose_region(region)
        loss = Loss(
            region=region, at=scene.clock.now().timestamp(), elapsed=scene.journal.event(f"{region} lost", Mark.FAULT)
        )
        step.figures.update(snapshots=len(records))
        step.says = f"{region} lost with {count_text(len(records))} of {count_text(scene.users)} users done"
    return day, loss


def await_replica(scene: Scene) -> None:
    """Wait until replication has nothing left to copy."""
    aws = scene.vault.aws
    with scene.journal.step("replica catches up") as step:

        def settled() -> bool:
            pending = aws.replication().pending
            step.update(f"{pending} objects to go")
            return pending == 0

        scene.clock.until(settled, REPLICATION_SECONDS)
        state = aws.replication()
        wrong = sum(copy.status != "COMPLETED" for copy in state.finished)
        step.figures.update(objects=len(state.finished), pending=state.pending, failed=wrong)
        step.says = f"{count_text(len(state.finished))} objects in {scene.vault.replica_region}"
        scene.journal.trial(
            "Replication catches up",
            expected="every object of the repository reaches the replica",
            observed=f"{len(state.finished) - wrong} objects copied, {state.pending} waiting, {wrong} failed",
            passed=not (state.pending or wrong),
        )


def _fire(scene: Scene, name: str, days_ago: int) -> Day:
    scene.ledger.expect(name, scene.source.snapshot())
    began = scene.clock.now()
    slot = began.replace(hour=2, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    scene.journal.event(f"{name}: daily rule fired")
    scene.vault.aws.fire(scene.vault.names.rule("daily"), scene.vault.region, at=slot)
    return Day(name=name, slot=slot, began=began)


def until(scene: Scene, day: Day, share: float, update: Callable[[str], None]) -> list[Record]:
    """Return the day's acknowledged snapshots as soon as `share` of the users have one.

    Raises:
        PromiseNotMet: nothing has moved for `STALLED_SECONDS`.
    """
    wanted = max(1, round(scene.users * share))
    vault, clock = scene.vault, scene.clock
    least, moved = scene.users + 1, clock.monotonic()
    while True:
        # The queue's length costs one small request; the ledger, which alone decides, is read when it may be time.
        waiting = sum(vault.waiting(vault.queue_url))
        if waiting <= scene.users - wanted:
            done = day.snapshots(vault.ledger().completed())
            if len({record.user for record in done}) >= wanted:
                return done
        if waiting < least:
            least, moved = waiting, clock.monotonic()
        elif clock.monotonic() - moved > STALLED_SECONDS:
            done = day.snapshots(vault.ledger().completed())
            raise PromiseNotMet(_stalled(vault, day, len(done), scene.users))
        update(f"{max(0, scene.users - waiting)} of {scene.users} users")
        clock.sleep(POLL_SECONDS)


def _stalled(vault: Vault, day: Day, done: int, users: int) -> str:
    visible, taken = vault.waiting(vault.queue_url)
    dead, _ = vault.waiting(vault.dead_letter_url)
    return (
        f"{day.name}: {done} of {users} users have a snapshot and nothing moved for {STALLED_SECONDS:.0f} s; "
        f"{visible} messages wait, {taken} are taken, {dead} are dead letters"
    )


def acknowledge(scene: Scene, day: Day, records: Sequence[Record]) -> None:
    """Write down what the system has just promised."""
    for record in records:
        assert record.finished is not None, "a completed record has its end"
        at = record.finished.timestamp()
        scene.ledger.acknowledge(snapshot=record.id, user=record.user, day=day.name, at=at)


def backup_of(day: Day, records: Sequence[Record]) -> Backup:
    """Sum up a day from what its snapshots say of themselves."""

    def total(figure: str) -> int:
        return sum(int(record.figures.get(figure, 0)) for record in records)

    ends = [record.finished for record in records if record.finished]
    return Backup(
        name=day.name,
        snapshots=len(records),
        files=total("files"),
        logical_bytes=total("size"),
        read_bytes=total("bytes_read"),
        unique_bytes=total("bytes_added"),
        stored_bytes=total("bytes_stored"),
        seconds=(max(ends) - day.began).total_seconds() if ends else 0.0,
    )


def _draw(scene: Scene, day: Day, records: Sequence[Record]) -> None:
    ends = sorted((record.finished - day.began).total_seconds() for record in records if record.finished)
    points = [(0.0, 0.0), *((second, float(number + 1)) for number, second in enumerate(ends))]
    key = f"backup_{len(scene.told.backups)}"
    scene.journal.curve(key, title=day.name, x_unit="s", y_unit="snapshots", points=points)


def vars_of(backup: Backup) -> dict[str, int | float | str]:
    """Return a backup's figures by name."""
    return dataclasses.asdict(backup)
