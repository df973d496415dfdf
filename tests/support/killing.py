"""Writers, pruners, repairers and key rotations as real processes, killed with SIGKILL at random moments.

`python -m tests.support.killing --rounds 300` is the large form of `tests/fault/test_killed_processes.py`: in the end
every acknowledged snapshot that was not forgotten is restored, and its bytes compared with those that were backed up.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from holdfast.backup.ids import SnapshotId
from holdfast.backup.prune import prune
from holdfast.backup.repository import Repository
from holdfast.backup.resume import NOTES_KEPT
from holdfast.backup.verify import verify
from tests.support.backups import restored
from tests.support.clocks import FakeClock
from tests.support.local_backup import LEASE, catalogue_of, create, digest_of, opened
from tests.support.patience import PATIENCE_SECONDS

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
USERS = {"ann": 1, "bob": 2}
"""Who backs up, and in how many processes besides the first."""
OTHERS = ("prune", "repair", "rotate")
MOST_PAUSE_SECONDS = 0.15


@dataclass
class Outcome:
    """What the rounds did, and what was found in the end."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[SnapshotId, str] = field(default_factory=dict)
    forgotten: int = 0
    restored: int = 0
    unheard: int = 0
    wrong: list[str] = field(default_factory=list)


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
                process.kill()
            process.wait(PATIENCE_SECONDS)
            assert process.stdout is not None
            process.stdout.close()


def killed_after(process: subprocess.Popen[str], lines: int, pause: float) -> list[str]:
    """Let the process print so many lines and go on for a moment; kill it; return all it printed."""
    assert process.stdout is not None
    printed = [process.stdout.readline().strip() for _ in range(lines)]
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().splitlines()
    status = process.wait(PATIENCE_SECONDS)
    assert status == -signal.SIGKILL, f"it ended by itself, with status {status}"
    return [line for line in [*printed, *rest] if line]


def kill_many(folder: Path, rounds: int, dice: random.Random, others: tuple[str, ...] = OTHERS) -> Outcome:
    """Run so many rounds on a new repository below `folder` and check all that was acknowledged."""
    outcome = Outcome()
    repository, source = folder / "repository", folder / "source"
    create(repository)
    for user in USERS:
        (source / user).mkdir(parents=True)
        (source / user / "kept").write_bytes(dice.randbytes(200_000))
    for number in range(rounds):
        jobs = [["back up", str(repository), str(source / user), user, str(count)] for user, count in USERS.items()]
        job = dice.choice(others)
        with running(*jobs, [job, str(repository), f"{job} {number}"]) as (*writers, other):
            for writer in writers:
                for line in killed_after(writer, dice.randint(0, 2), dice.random() * MOST_PAUSE_SECONDS):
                    id_, _, digest = line.partition(" ")
                    outcome.acknowledged[SnapshotId(id_)] = digest
                outcome.kills["back up"] += 1
            killed_after(other, 0, dice.random() * MOST_PAUSE_SECONDS)
            outcome.kills[job] += 1
    _check(repository, folder, outcome)
    return outcome


def _check(folder: Path, scratch: Path, outcome: Outcome) -> None:
    with catalogue_of(folder) as catalogue:
        repository = opened(folder, catalogue)
        known = repository.ledger.get(list(outcome.acknowledged))
        for id_ in outcome.acknowledged:
            status = known[id_].status if id_ in known else "no record"
            if status not in ("COMPLETED", "FORGOTTEN"):
                outcome.wrong.append(f"{id_}: acknowledged, and now {status}")
            outcome.forgotten += status == "FORGOTTEN"
        listed = [record.id for record in repository.ledger.completed()]
        outcome.unheard = len(set(listed) - outcome.acknowledged.keys())
        for _ in range(2):
            outcome.wrong += [f"{one.object}: {one.what}" for one in verify(repository, read_data=True).damage]
            time.sleep(2 * LEASE.total_seconds())
            prune(repository, owner="the last")
        if repository.ledger.active():
            outcome.wrong.append("a session is still at work")
        for number, id_ in enumerate(listed):
            target = scratch / f"restored {number}"
            summary = restored(repository, id_, target)
            want = outcome.acknowledged.get(id_)
            if summary.failed_count or (want is not None and digest_of(target) != want):
                outcome.wrong.append(f"{id_}: restored otherwise than it was backed up")
            outcome.restored += 1
        repository.ledger.forget(listed)
        outcome.wrong += left_without_notes(repository)


def left_without_notes(repository: Repository) -> list[str]:
    """Prune once no notes of interrupted attempts are kept any more, and tell what is left."""
    later = repository._replace(clock=FakeClock(repository.clock.now() + NOTES_KEPT))
    prune(later, owner="the last")
    left = [*later.index.packs(), *later.objects.list("packs/"), *later.objects.list("snapshots/")]
    return [f"left: {one}" for one in left]


def large_form(description: str | None, unit: str, kill: Callable[[Path, int, random.Random], T]) -> tuple[T, float]:
    """Run what a test runs as often as the command line says, 300 `unit` by default; return what came and seconds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(f"--{unit}", dest="count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill(Path(folder), options.count, random.Random(options.seed))
    return outcome, time.monotonic() - begin


def main() -> int:
    """Run the large form and print its figures."""
    outcome, seconds = large_form(__doc__, "rounds", kill_many)
    kills = ", ".join(f"{count} {job}" for job, count in sorted(outcome.kills.items()))
    print(f"{sum(outcome.kills.values())} processes killed ({kills}) in {seconds:.0f} s")
    print(
        f"{len(outcome.acknowledged)} snapshots acknowledged, {outcome.forgotten} of them forgotten, "
        f"{outcome.unheard} committed and not heard of; {outcome.restored} restored and compared"
    )
    print("\n".join(outcome.wrong) or "nothing was lost, nothing was left")
    return int(bool(outcome.wrong))


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
