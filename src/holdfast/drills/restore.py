"""Restoring the newest snapshots of some users somewhere else, against the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Clock, Record
from holdfast.backup.repository import Repository
from holdfast.backup.restore import RestoreSummary, restore
from holdfast.backup.targets import Target
from holdfast.drills.measured import Drill, Measured, took_text
from holdfast.errors import HoldfastError, NotFound

Open = Callable[[], AbstractContextManager[Repository]]
MOST_TOLD = 20
"""Problems told by name; the count of the rest is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Whose newest snapshots are restored: `users` of them at random, or all."""

    users: int | None
    random: Random


def drill_restore(
    name: str,
    target: str,
    open_repository: Open,
    into: Callable[[Record], Target],
    choice: Choice,
    *,
    clock: Clock,
    monotonic: Callable[[], float],
    expected: Sequence[Record] | None = None,
) -> Drill:
    """Return what it took to open the repository and restore, and how old the oldest newest snapshot was at the start.

    Every byte restored is authenticated and matches its chunk's keyed hash. `expected` are the newest snapshots that
    another repository has acknowledged: what of them is not here is told as a problem.

    Raises:
        NotFound: the repository holds no snapshot.
    """
    started, began = clock.now(), monotonic()
    with open_repository() as repository:
        opening = timedelta(seconds=monotonic() - began)
        newest = newest_of_each(repository.ledger.completed())
        if not newest:
            raise NotFound(f"{target} holds no snapshot to restore; make one with `holdfast backup`")
        done, problems = _restore_each(repository, _chosen(newest, choice), into)
    took = timedelta(seconds=monotonic() - began)
    missing = _missing(newest, expected or [])
    problems += [f"{_called(one)}: acknowledged, but not in {target}" for one in missing]
    files, size = sum(one.files for one in done), sum(one.bytes_written for one in done)
    restored = f"{len(done)} of {len(newest)} users restored to another place: {files} files, {size} bytes"
    return Drill(
        name=name,
        target=target,
        started=started,
        measured=(_recovery_time(took, opening, restored), _recovery_point(newest, started)),
        problems=_told(problems),
        figures={
            "users": len(newest),
            "users_restored": len(done),
            "files": files,
            "bytes": size,
            "open_seconds": opening.total_seconds(),
            "bytes_per_second": size / max((took - opening).total_seconds(), 1e-9),
        },
    )


def _restore_each(
    repository: Repository, records: Sequence[Record], into: Callable[[Record], Target]
) -> tuple[list[RestoreSummary], list[str]]:
    done: list[RestoreSummary] = []
    problems: list[str] = []
    for record in records:
        try:
            summary = restore(repository, record.id, into(record))
        except HoldfastError as error:
            problems.append(f"{_called(record)}: {error}")
            continue
        done.append(summary)
        problems += [f"{_called(record)}: {one.reason}" for one in summary.failed]
    return done, problems


def _called(record: Record) -> str:
    return f"{record.user}@{record.host} {record.id[:12]}"


def _recovery_time(took: timedelta, opening: timedelta, restored: str) -> Measured:
    return Measured(
        name="rto",
        took=took,
        how=f"{restored}, with {took_text(opening)} to open the repository",
        partly="for this volume, this machine and this network; deciding takes people longer",
    )


def _recovery_point(newest: Sequence[Record], started: datetime) -> Measured:
    oldest = min(newest, key=lambda record: record.start)
    age = started - oldest.start
    return Measured(
        name="rpo",
        took=age,
        how=f"the newest snapshot of {oldest.user}@{oldest.host} began {took_text(age)} "
        f"before the drill, and no user's is older ({len(newest)} users)",
        partly="at this moment; the schedule says how old it can become",
    )


def newest_of_each(records: Sequence[Record]) -> list[Record]:
    """Return the newest record of each user and host, by user and host."""
    newest: dict[tuple[str, str], Record] = {}
    for record in records:
        key = (record.user, record.host)
        if key not in newest or record.start > newest[key].start:
            newest[key] = record
    return [newest[key] for key in sorted(newest)]


def _chosen(newest: Sequence[Record], choice: Choice) -> list[Record]:
    if choice.users is None or choice.users >= len(newest):
        return list(newest)
    return choice.random.sample(list(newest), choice.users)


def _missing(here: Sequence[Record], expected: Sequence[Record]) -> list[Record]:
    known: set[SnapshotId] = {record.id for record in here}
    starts = {(record.user, record.host): record.start for record in here}
    return [
        one
        for one in expected
        if one.id not in known and ((one.user, one.host) not in starts or starts[one.user, one.host] < one.start)
    ]


def _told(problems: list[str]) -> list[str]:
    rest = len(problems) - MOST_TOLD
    return problems if rest <= 0 else [*problems[:MOST_TOLD], f"and {rest} more"]
