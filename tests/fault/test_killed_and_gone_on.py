"""A backup that SIGKILL ends again and again is gone on with: what was noted is not read a second time."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from holdfast.backup.ids import SnapshotId
from holdfast.backup.repository import Repository
from holdfast.backup.resume import bytes_noted
from holdfast.backup.verify import verify
from tests.support.backups import restored
from tests.support.killing import killed_after, running
from tests.support.local_backup import CHECKPOINT_BYTES, catalogue_of, create, digest_of, opened

TOTAL = 30_000_000
LEAST_READ, MOST_READ = 4_000_000, 8_000_000
MOST_READ_AGAIN = 2 * CHECKPOINT_BYTES + 512 * 1024
"""The distance of two checkpoints, what is read before the next look, and the chunk at hand."""
MOST_KILLS = 60


def noted(repository: Repository) -> int:
    """The most that any attempt has noted."""
    return max([0, *(bytes_noted(record) for record in repository.ledger.active())])


def killed_after_reading(process: subprocess.Popen[str], bytes_read: int, pause: float) -> int:
    """Kill a backup a moment after it has read so much; return how much it had read by the last that was heard."""
    assert process.stdout is not None
    while int(process.stdout.readline()) < bytes_read:
        pass
    return int(killed_after(process, 1, pause)[-1])


@pytest.mark.parametrize(("jobs", "files"), [(1, 150), (3, 150), (1, 1)])
def test_a_backup_killed_again_and_again_comes_to_its_end(tmp_path: Path, jobs: int, files: int) -> None:
    source = tmp_path / "source"
    source.mkdir()
    dice = random.Random()
    for number in range(files):
        (source / f"{number:03}").write_bytes(dice.randbytes(TOTAL // files))
    create(tmp_path / "repository")
    job = ["back up once", str(tmp_path / "repository"), str(source), "ann", str(jobs)]
    read, kills = 0, 0
    with catalogue_of(tmp_path / "repository") as catalogue:
        repository = opened(tmp_path / "repository", catalogue)
        while noted(repository) < TOTAL // 4 and kills < MOST_KILLS:
            before = noted(repository)
            with running(job) as (process,):
                this = killed_after_reading(process, dice.randint(LEAST_READ, MOST_READ), dice.random() * 0.01)
            kills += 1
            read += this
            if jobs == 1:  # several go on while they publish: how far is a matter of time
                assert this - (noted(repository) - before) <= MOST_READ_AGAIN
        assert kills >= 1
        with running(job) as (process,):
            assert process.stdout is not None
            id_, digest, last = process.stdout.read().splitlines()[-1].split()
        assert int(last) <= TOTAL - noted(repository)
        assert jobs > 1 or read + int(last) <= TOTAL + kills * MOST_READ_AGAIN
        assert verify(repository, read_data=True).ok
        restored(repository, SnapshotId(id_), tmp_path / "back")
        assert digest_of(tmp_path / "back") == digest == digest_of(source)
