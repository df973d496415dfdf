"""Turns among threads and processes: nobody is forgotten, nothing is settled before it is durable."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup.ids import SnapshotId
from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue
from holdfast.backup.stores.turns import MOST_TOGETHER, FileTurn, GroupCommit, Job
from holdfast.errors import LeaseLost, StoreUnavailable
from tests.support.patience import PATIENCE_SECONDS, eventually

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


class Groups:
    """Runs jobs and keeps how many came together; the first group waits until it is let go."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.begun = threading.Event()
        self.go = threading.Event()

    def run(self, jobs: list[Job[Any]]) -> None:
        self.begun.set()
        assert self.go.wait(PATIENCE_SECONDS)
        self.sizes.append(len(jobs))
        for job in jobs:
            job.attempt()
            job.settle()


def waiting(commits: GroupCommit, count: int) -> None:
    eventually(lambda: len(commits._waiting) >= count, pause=0.001)


def started(calls: list[Callable[[], object]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def test_jobs_that_wait_are_run_together_and_each_gets_its_own_result() -> None:
    groups, results = Groups(), dict[int, int]()
    commits = GroupCommit(groups.run, patience_seconds=10)

    def settle(number: int) -> None:
        results[number] = commits.settle(Job(lambda: number * 2))

    first = started([lambda: settle(-1)])
    assert groups.begun.wait(PATIENCE_SECONDS)
    others = started([lambda number=number: settle(number) for number in range(MOST_TOGETHER + 3)])  # type: ignore[misc]
    waiting(commits, MOST_TOGETHER + 3)
    groups.go.set()
    for thread in (*first, *others):
        thread.join(PATIENCE_SECONDS)
    assert results == {number: number * 2 for number in range(-1, MOST_TOGETHER + 3)}
    assert sorted(groups.sizes) == [1, 3, MOST_TOGETHER]


def test_job_whose_turn_does_not_come_is_not_run() -> None:
    groups, ran = Groups(), list[int]()
    commits = GroupCommit(groups.run, patience_seconds=0.05)
    first = started([lambda: commits.settle(Job(lambda: ran.append(1)))])
    assert groups.begun.wait(PATIENCE_SECONDS)
    with pytest.raises(TimeoutError):
        commits.settle(Job(lambda: ran.append(2)))
    groups.go.set()
    first[0].join(PATIENCE_SECONDS)
    assert ran == [1]


def test_job_taken_along_by_a_thread_that_is_stopped_is_run_by_its_own() -> None:
    groups, ran, stopped = Groups(), list[int](), list[int]()

    def run(jobs: list[Job[Any]]) -> None:
        if len(jobs) == 2:
            raise KeyboardInterrupt
        groups.run(jobs)

    commits = GroupCommit(run, patience_seconds=10)

    def settle(number: int) -> None:
        try:
            commits.settle(Job(lambda: ran.append(number)))
        except KeyboardInterrupt:
            stopped.append(number)

    threads = started([lambda: settle(0)])
    assert groups.begun.wait(PATIENCE_SECONDS)
    threads += started([lambda: settle(1), lambda: settle(2)])
    waiting(commits, 2)
    groups.go.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert len(stopped) == 1
    assert sorted([*ran, *stopped]) == [0, 1, 2]


def test_turn_of_a_file_passes_from_process_to_process(tmp_path: Path) -> None:
    path = tmp_path / "turn"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TimeoutError), FileTurn(path).taken(0.05):
            pytest.fail("two held it")
        got = threading.Event()

        def take() -> None:
            with FileTurn(path).taken(PATIENCE_SECONDS):
                got.set()

        thread = started([take])[0]
        assert not got.wait(0.05)
        holder.kill()
        thread.join(PATIENCE_SECONDS)
        assert got.is_set()
    with FileTurn(path).taken(PATIENCE_SECONDS):
        pass


def test_change_that_fails_leaves_the_others_of_its_transaction(tmp_path: Path) -> None:
    catalogue = SqliteCatalogue(tmp_path / "catalogue.sqlite")

    def fail(db: Any) -> int:
        db.execute("UPDATE epochs SET epoch = 77")
        raise LeaseLost("gone")

    def advance(db: Any) -> int:
        db.execute("UPDATE epochs SET epoch = epoch + 1")
        return int(db.execute("SELECT epoch FROM epochs").fetchone()[0])

    jobs = [Job(fail), Job(advance), Job(advance)]
    catalogue._commit(jobs)
    with pytest.raises(LeaseLost, match="gone"):
        jobs[0].outcome()
    assert (jobs[1].outcome(), jobs[2].outcome(), catalogue.epoch()) == (2, 3, 3)
    catalogue.close()


def test_catalogue_that_another_process_keeps_is_refused_in_time(tmp_path: Path) -> None:
    catalogue = SqliteCatalogue(tmp_path / "catalogue.sqlite", busy_seconds=0.05)
    with FileTurn(tmp_path / "catalogue.sqlite-turn").taken(1), pytest.raises(StoreUnavailable, match="locked"):
        catalogue.forget([SnapshotId("0" * 32)])
    catalogue.close()
