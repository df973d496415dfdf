from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.pack import pack_key
from holdfast.backup.ports import Record
from holdfast.backup.repository import Repository
from holdfast.backup.targets.directory import DirectoryTarget
from holdfast.drills.measured import Drill
from holdfast.drills.restore import Choice, drill_restore, newest_of_each
from holdfast.errors import NotFound
from tests.support.clocks import FakeClock
from tests.support.repositories import any_repository, noise
from tests.support.sources import Script, ScriptedSource

OPENING = 3.0


def back_up(repository: Repository, user: str, text: str) -> SnapshotId:
    source = ScriptedSource({b"file": Script([text.encode()], fingerprint=text.encode())})
    return create_snapshot(repository, source, user=user, host="host").snapshot


def drilled(
    repository: Repository, folder: Path, *, users: int | None = None, expected: list[Record] | None = None
) -> Drill:
    clock = repository.clock
    assert isinstance(clock, FakeClock)

    @contextmanager
    def opened() -> Iterator[Repository]:
        clock.sleep(OPENING)
        yield repository

    return drill_restore(
        "restore",
        "here",
        opened,
        lambda record: DirectoryTarget(os.fsencode(folder / record.user)),
        Choice(users=users, random=Random(1)),
        clock=clock,
        monotonic=lambda: clock.now().timestamp(),
        expected=expected,
    )


def figures(drill: Drill) -> dict[str, timedelta]:
    return {one.name: one.took for one in drill.measured}


def test_newest_snapshot_of_every_user_comes_back(tmp_path: Path) -> None:
    repository = any_repository()
    for user, text in (("ann", "old"), ("bob", "bob's"), ("ann", "new")):
        back_up(repository, user, text)
    drill = drilled(repository, tmp_path)
    assert next(tmp_path.glob("ann/**/file")).read_text() == "new"
    assert next(tmp_path.glob("bob/**/file")).read_text() == "bob's"
    assert (drill.figures["users_restored"], drill.figures["files"], drill.problems) == (2, 2, [])


def test_recovery_time_holds_the_opening_and_recovery_point_the_oldest_user(tmp_path: Path) -> None:
    repository = any_repository()
    back_up(repository, "ann", "a")
    repository.clock.sleep(3600)
    back_up(repository, "bob", "b")
    repository.clock.sleep(60)
    took = figures(drilled(repository, tmp_path))
    assert timedelta(seconds=OPENING) <= took["rto"] < timedelta(seconds=OPENING + 1)
    assert timedelta(seconds=3660) <= took["rpo"] < timedelta(seconds=3661)


def test_a_sample_restores_so_many_users_and_judges_all_of_them(tmp_path: Path) -> None:
    repository = any_repository()
    for number in range(6):
        back_up(repository, f"user-{number}", str(number))
    drill = drilled(repository, tmp_path, users=2)
    assert len(list(tmp_path.iterdir())) == drill.figures["users_restored"] == 2
    assert drill.figures["users"] == 6


def test_what_cannot_be_restored_is_a_problem(tmp_path: Path) -> None:
    repository = any_repository()
    source = ScriptedSource({b"file": Script([noise(100_000)], fingerprint=b"f")})
    create_snapshot(repository, source, user="ann", host="host")
    data = next(row for row in repository.index.packs() if row.kind == "data")
    repository.objects.delete(pack_key(data.pack))
    problems = drilled(repository, tmp_path).problems
    assert len(problems) == 1
    assert problems[0].startswith("ann@host")


def test_what_was_acknowledged_elsewhere_and_is_not_here_is_a_problem(tmp_path: Path) -> None:
    replica, primary = any_repository(), any_repository()
    back_up(replica, "ann", "a")
    known = newest_of_each(replica.ledger.completed())
    primary.clock.sleep(60)
    lost = back_up(primary, "ann", "later")
    expected = [*known, *newest_of_each(primary.ledger.completed())]
    problems = drilled(replica, tmp_path, expected=expected).problems
    assert problems == [f"ann@host {lost[:12]}: acknowledged, but not in here"]


def test_an_empty_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no snapshot"):
        drilled(any_repository(), tmp_path)
