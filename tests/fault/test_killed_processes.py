"""Real processes on a local repository, killed with SIGKILL at random moments."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from holdfast.backup.ids import SnapshotId
from holdfast.backup.prune import prune
from holdfast.backup.verify import verify
from tests.support.backups import restored
from tests.support.local_backup import LEASE, catalogue_of, create, opened

ROUNDS = 20
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def running(*jobs: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Start each job in a process of its own; at the end none is left."""
    command = [sys.executable, "-m", "tests.support.local_backup"]
    processes = [subprocess.Popen([*command, *job], stdout=subprocess.PIPE, text=True, cwd=ROOT) for job in jobs]
    try:
        yield processes
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait(30)
            assert process.stdout is not None
            process.stdout.close()


def killed_after(process: subprocess.Popen[str], lines: int, pause: float) -> list[str]:
    """Let the process print so many lines and go on for a moment; kill it; return all it printed."""
    assert process.stdout is not None
    printed = [process.stdout.readline().strip() for _ in range(lines)]
    time.sleep(pause)
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split()
    assert process.wait(30) == -signal.SIGKILL
    return [line for line in [*printed, *rest] if line]


def test_killed_writers_and_pruners_lose_no_acknowledged_snapshot(tmp_path: Path) -> None:
    random = Random(os.urandom(8))
    folder, source = tmp_path / "repository", tmp_path / "source"
    create(folder)
    source.mkdir()
    (source / "kept").write_bytes(random.randbytes(200_000))
    acknowledged: list[SnapshotId] = []
    for number in range(ROUNDS):
        users = ["ann", "bob"]
        for user in users:
            (source / user).mkdir(exist_ok=True)
        jobs = [["back up", str(folder), str(source / user), user] for user in users]
        with running(*jobs, ["prune", str(folder), f"pruner {number}"]) as processes:
            lines = random.randint(0, 2)
            for process in processes[:2]:
                acknowledged += map(SnapshotId, killed_after(process, lines, random.random() * 0.05))
    assert len(acknowledged) > ROUNDS / 2

    with catalogue_of(folder) as catalogue:
        repository = opened(folder, catalogue)
        listed = [record.id for record in repository.ledger.completed()]
        known = repository.ledger.get(acknowledged)
        assert {id_ for id_, record in known.items() if record.status == "COMPLETED"} <= set(listed)
        assert {str(record.status) for record in known.values()} <= {"COMPLETED", "FORGOTTEN"}
        assert set(known) == set(acknowledged)
        assert verify(repository, read_data=True).damage == ()
        time.sleep(2 * LEASE.total_seconds())
        prune(repository, owner="test")
        assert verify(repository, read_data=True).damage == ()
        assert repository.ledger.active() == []
        for number, id_ in enumerate(listed):
            assert restored(repository, id_, tmp_path / f"restored {number}").failed_count == 0
        repository.ledger.forget(listed)
        prune(repository, owner="test")
        assert list(repository.index.packs()) == []
        assert list(repository.objects.list("packs/")) == []
