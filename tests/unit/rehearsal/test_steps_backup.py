from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.errors import PromiseNotMet
from holdfast.rehearsal.steps import Journal
from holdfast.rehearsal.steps_backup import STALLED_SECONDS, Day, acknowledge, backup_of, until
from holdfast.rehearsal.steps_scene import RunClock, Scene, Told

BEGAN = datetime(2026, 11, 21, 2, tzinfo=UTC)
DAY = Day(name="day 2", slot=BEGAN, began=BEGAN)


def record(user: str, *, start: float = 1.0, took: float = 2.0, **figures: int) -> Record:
    began = BEGAN + timedelta(seconds=start)
    return Record(
        id=SnapshotId(f"{user}-{start}"),
        user=user,
        host="vault",
        start=began,
        lease_until=began,
        epoch=1,
        status=Status.COMPLETED,
        finished=began + timedelta(seconds=took),
        figures=figures,
    )


class Stepping(RunClock):
    """A clock on which only sleeping passes time."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


def scene(answers: Iterator[list[Record]], users: int, queue: Iterator[tuple[int, int]] | None = None) -> Scene:
    waiting = queue or repeat((0, 0))
    vault = SimpleNamespace(
        ledger=lambda: SimpleNamespace(completed=lambda: next(answers)),
        waiting=lambda url: next(waiting),
        queue_url="queue",
        dead_letter_url="dead",
    )
    return Scene(
        options=cast(Any, None),
        journal=Journal(),
        clock=Stepping(),
        told=cast(Told, None),
        work=Path(),
        vault=cast(Any, vault),
        source=cast(Any, SimpleNamespace(held=dict.fromkeys(map(str, range(users))))),
    )


def test_a_run_is_over_when_every_user_has_a_snapshot_of_this_day() -> None:
    before = record("0", start=-60.0)
    answers = iter([[before], [before, record("0")], [before, record("0"), record("1")]])
    found = until(scene(answers, 2), DAY, 1.0, lambda _: None)
    assert [one.user for one in found] == ["0", "1"]


def test_the_ledger_is_asked_only_when_the_queue_says_that_it_may_be_time() -> None:
    told: list[str] = []
    queue = iter([(2, 0), (1, 1), (0, 1), (0, 0)])
    until(scene(iter([[record("0"), record("1")]]), 2, queue), DAY, 1.0, told.append)
    assert told == ["0 of 2 users", "0 of 2 users", "1 of 2 users"]


def test_two_snapshots_of_one_user_do_not_stand_for_two_users() -> None:
    answers = iter([[record("0"), record("0", start=5.0)], [record("0"), record("1")]])
    assert len({one.user for one in until(scene(answers, 2), DAY, 1.0, lambda _: None)}) == 2


def test_half_a_run_is_enough_to_lose_the_region_in_its_middle() -> None:
    answers = iter([[record("0")], [record("0"), record("1")]])
    assert len(until(scene(answers, 4), DAY, 0.5, lambda _: None)) == 2


def test_a_run_in_which_nothing_moves_fails_and_says_what_waits() -> None:
    stuck = scene(repeat([record("0")]), 2, repeat((3, 1)))
    with pytest.raises(PromiseNotMet, match=r"1 of 2 users.*3 messages wait, 1 are taken"):
        until(stuck, DAY, 1.0, lambda _: None)
    assert stuck.clock.monotonic() >= STALLED_SECONDS


def test_a_day_sums_what_its_snapshots_say() -> None:
    figures = {"files": 2, "size": 10, "bytes_read": 5, "bytes_added": 4, "bytes_stored": 3}
    backup = backup_of(DAY, [record("0", **figures), record("1", start=4.0, took=3.0, **figures)])
    assert (backup.files, backup.logical_bytes, backup.read_bytes) == (4, 20, 10)
    assert (backup.unique_bytes, backup.stored_bytes, backup.seconds) == (8, 6, 7.0)


def test_acknowledged_is_what_the_users_had_when_the_run_began() -> None:
    here = scene(iter([]), 1)
    here.ledger.expect("day 2", {"0": {}})
    acknowledge(here, DAY, [record("0")])
    (entry,) = here.ledger.acknowledged.values()
    assert (entry.user, entry.day, entry.at) == ("0", "day 2", BEGAN.timestamp() + 3.0)
