"""Backups of one large file by several workers: they, or one of the workers, killed with SIGKILL at random moments.

`python -m tests.support.killing_large --kills 300` is the large form of `tests/fault/test_killed_in_large_file.py`.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

from holdfast.backup.clock import SystemClock
from holdfast.backup.ids import SnapshotId
from holdfast.backup.prune import prune
from holdfast.backup.repository import Repository
from holdfast.backup.resume import bytes_noted
from holdfast.backup.verify import verify
from tests.support.backups import restored
from tests.support.killing import ROOT, large_form, left_without_notes, running
from tests.support.local_backup import WORKER_KILLED, catalogue_of, create, digest_of, opened
from tests.support.patience import PATIENCE_SECONDS

JOBS = 3
MIB = 1024 * 1024
LEAST_BYTES, MOST_BYTES = 24 * MIB, 64 * MIB
MOST_READ, MOST_PAUSE_SECONDS = 24 * MIB, 0.05
MOST_KILLS_EACH = 10
"""Then a backup is left to come to its end."""
VICTIMS = ("backup", "worker", "backup and workers")
LATER = timedelta(days=1)


@dataclass
class Outcome:
    """What was killed, and what was found in the end."""

    kills: Counter[str] = field(default_factory=Counter)
    snapshots: int = 0
    resumed: int = 0
    bytes_noted: int = 0
    wrong: list[str] = field(default_factory=list)


class _LaterClock(SystemClock):
    def now(self) -> datetime:
        return super().now() + LATER


def kill_in_large_files(folder: Path, kills: int, dice: random.Random) -> Outcome:
    """Change a large file and back it up, killed again and again, until there were so many kills; check every end."""
    outcome, repository, source = Outcome(), folder / "repository", folder / "source"
    create(repository)
    source.mkdir()
    (source / "large").write_bytes(dice.randbytes(LEAST_BYTES))
    with catalogue_of(repository) as catalogue:
        at = opened(repository, catalogue)
        while sum(outcome.kills.values()) < kills:
            _change(source / "large", dice)
            id_, noted, read = _back_up(at, repository, source, dice, outcome)
            size = (source / "large").stat().st_size
            outcome.snapshots, outcome.resumed = outcome.snapshots + 1, outcome.resumed + (noted > 0)
            outcome.bytes_noted += noted
            if read > size - noted:
                outcome.wrong.append(f"{read} bytes of {size} were read though {noted} had been noted")
            restored(at, id_, folder / id_)
            if digest_of(folder / id_) != digest_of(source):
                outcome.wrong.append(f"{id_}: restored otherwise than it was backed up")
            (folder / id_ / "large").unlink()
        outcome.wrong += [f"{one.object}: {one.what}" for one in verify(at, read_data=True).damage]
        at.ledger.forget([record.id for record in at.ledger.completed()])
        at = at._replace(clock=_LaterClock())
        prune(at, owner="the last")
        outcome.wrong += left_without_notes(at)
    return outcome


def _change(file: Path, dice: random.Random) -> None:
    """Write the file anew, or change a few places of it, or its length."""
    size = dice.randint(LEAST_BYTES, MOST_BYTES)
    if dice.random() < 0.5:
        file.write_bytes(dice.randbytes(size))
        return
    with file.open("r+b") as opened_file:
        opened_file.truncate(size)  # longer: it ends in a hole
        for _ in range(dice.randint(1, 5)):
            opened_file.seek(dice.randrange(size))
            opened_file.write(dice.randbytes(dice.randint(1, 4 * MIB)))


def _back_up(
    at: Repository, repository: Path, source: Path, dice: random.Random, outcome: Outcome
) -> tuple[SnapshotId, int, int]:
    """Return the snapshot, what had been noted before the attempt that came to its end, and what that one read."""
    job = ["back up once", str(repository), str(source), "ann", str(JOBS)]
    killed = 0
    while True:
        noted = _noted(at)
        with running(job) as (process,):
            victim, line = _kill(process, dice) if killed < MOST_KILLS_EACH else ("", "")
            assert process.stdout is not None
            *_, last = [line, *process.stdout.read().splitlines()]
            status = process.wait(PATIENCE_SECONDS)
        if len(told := last.split()) == 3:  # acknowledged, and perhaps killed after that
            return SnapshotId(told[0]), noted, int(told[2])
        assert status == (WORKER_KILLED if victim == "worker" else -signal.SIGKILL), f"{victim}: status {status}"
        outcome.kills[victim] += 1
        killed += 1


def _kill(process: subprocess.Popen[str], dice: random.Random) -> tuple[str, str]:
    """Kill the backup, or what works for it, a moment after it has read so much; return whom, and its last line."""
    assert process.stdout is not None
    until, victim = dice.randint(1, MOST_READ), dice.choice(VICTIMS)
    while (line := process.stdout.readline().strip()).isdecimal() and int(line) < until:
        pass
    time.sleep(dice.random() * MOST_PAUSE_SECONDS)
    workers = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    if victim == "worker":
        doomed = [dice.choice(workers)] if workers else []
    else:
        doomed = [process.pid] if victim == "backup" else [process.pid, *workers]
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return victim, line


def _noted(at: Repository) -> int:
    """Return the most that an attempt since the newest snapshot has noted."""
    done = max((record.start for record in at.ledger.completed()), default=None)
    records = [record for record in chain(at.ledger.active(), at.ledger.ended()) if done is None or record.start > done]
    return max([0, *map(bytes_noted, records)])


def main() -> int:
    """Run the large form and print its figures."""
    outcome, seconds = large_form(__doc__, "kills", kill_in_large_files)
    kills = ", ".join(f"{count} {victim}" for victim, count in sorted(outcome.kills.items()))
    print(f"{sum(outcome.kills.values())} times killed ({kills}) in {seconds:.0f} s")
    print(
        f"{outcome.snapshots} snapshots restored and compared; {outcome.resumed} of them went on from "
        f"{outcome.bytes_noted / MIB:.0f} MiB noted"
    )
    print("\n".join(outcome.wrong) or "nothing was lost, read twice or left")
    return int(bool(outcome.wrong))


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
