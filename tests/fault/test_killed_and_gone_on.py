"""A backup that SIGKILL ends again and again is gone on with: what was noted is not read a second time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from holdfast.backup.ids import SnapshotId
from holdfast.backup.repository import Repository
from holdfast.backup.resume import bytes_noted
from holdfast.backup.verify import verify
from tests.support.backups import restored
from tests.support.killing import killed_after, running
from tests.support.local_backup import CHECKPOINT_BYTES, catalogue_of, create, digest_of, opened

FILES = 150
SIZE = 100_000
LEAST_LINES, MOST_LINES = 50, 110
MOST_READ_AGAIN = 2 * CHECKPOINT_BYTES + SIZE
"""The distance of two checkpoints, what is read before the next look, and the file at hand."""
MOST_KILLS = 60


def noted(repository: Repository) -> int:
    """The most that any attempt has noted."""
    return max([0, *(bytes_noted(record) for record in repository.ledger.active())])


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_backup_killed_again_and_again_comes_to_its_end(tmp_path: Path, jobs: int) -> None:
    source = tmp_path / "source"
    source.mkdir()
    dice = random.Random()
    for number in range(FILES):
        (source / f"{number:03}").write_bytes(dice.randbytes(SIZE))
    create(tmp_path / "repository")
    job = ["back up once", str(tmp_path / "repository"), str(source), "ann", str(jobs)]
    read, kills = 0, 0
    with catalogue_of(tmp_path / "repository") as catalogue:
        repository = opened(tmp_path / "repository", catalogue)
        while noted(repository) < FILES * SIZE // 3 and kills < MOST_KILLS:
            before = noted(repository)
            walked = before // SIZE  # a line for each file that is not read again
            with running(job) as (process,):
                lines = killed_after(process, walked + dice.randint(LEAST_LINES, MOST_LINES), dice.random() * 0.01)
            kills += 1
            this = int(lines[-1])
            read += this
            if jobs == 1:  # several go on while they publish: how far is a matter of time
                assert this - (noted(repository) - before) <= MOST_READ_AGAIN
        assert kills >= 1
        with running(job) as (process,):
            assert process.stdout is not None
            id_, digest, last = process.stdout.read().splitlines()[-1].split()
        assert int(last) <= FILES * SIZE - noted(repository)
        assert jobs > 1 or read + int(last) <= FILES * SIZE + kills * MOST_READ_AGAIN
        assert verify(repository, read_data=True).ok
        restored(repository, SnapshotId(id_), tmp_path / "back")
        assert digest_of(tmp_path / "back") == digest == digest_of(source)
