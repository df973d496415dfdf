"""Backs up a folder into a local repository, again and again, in a process that a test kills.

Prints the id of each acknowledged snapshot, and the digest of what it holds, as soon as it is acknowledged. Other jobs
prune, repair and rotate the keys, again and again.
"""

from __future__ import annotations

import os
import random
import sys
import time
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

from blake3 import blake3

from holdfast.backup import large_file, store_apart, store_tree
from holdfast.backup.argon2id import PasswordCost
from holdfast.backup.checkpoints import CheckpointRate
from holdfast.backup.clock import SystemClock
from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.key_slots import PasswordKey
from holdfast.backup.keys import rotate_keys
from holdfast.backup.prune import prune
from holdfast.backup.repair import repair
from holdfast.backup.repository import Repository, create_repository, open_repository
from holdfast.backup.resume import last_interrupted
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.stores.local import LocalObjects
from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue
from holdfast.errors import Conflict, StoreUnavailable

LEASE = timedelta(seconds=1)
CHECKPOINT_BYTES = 1024 * 1024
PART_BYTES = 2 * 1024 * 1024
"""An eighth of what it is in life, so that a file of some MiB is stored in parts."""
WORKER_KILLED = 3
SHARE_FORGOTTEN = 0.02
"""Of the older snapshots, at each prune."""
KEY = PasswordKey("password", cost=PasswordCost(memory_kib=64, passes=1, lanes=1))


def create(folder: Path) -> None:
    folder.mkdir()
    create_repository(LocalObjects(folder), [KEY], clock=SystemClock())


def opened(folder: Path, catalogue: SqliteCatalogue) -> Repository:
    return open_repository(LocalObjects(folder), catalogue, catalogue, [KEY], clock=SystemClock())


def catalogue_of(folder: Path) -> closing[SqliteCatalogue]:
    return closing(SqliteCatalogue(folder / "catalogue.sqlite"))


def digest_of(folder: Path) -> str:
    """Return a hash of the names and bytes of a folder's files."""
    digest = blake3()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def back_up_for_ever(folder: Path, source: Path, user: str, jobs: int) -> None:
    """Change the source and back it up, with a checkpoint after every file that is read; go on where one was killed."""
    store_apart.APART_BYTES = 0
    every_file = CheckpointRate(least=timedelta(0), data_bytes=1)
    with catalogue_of(folder) as catalogue:
        repository = opened(folder, catalogue)
        turn = 0
        while True:
            turn += 1
            (source / f"{user}-{turn % 3}").write_bytes(os.urandom(60_000))
            paths = DirectorySource([os.fsencode(source)])
            summary = create_snapshot(
                repository,
                paths,
                user=user,
                host="host",
                lease=LEASE,
                checkpoints=every_file,
                resume=last_interrupted(repository, user, "host", paths.paths),
                jobs=jobs,
            )
            sys.stdout.write(f"{summary.snapshot} {digest_of(source)}\n")
            sys.stdout.flush()


def back_up_once(folder: Path, source: Path, user: str, jobs: int) -> None:
    """Back up slowly, with a checkpoint after each MiB; print how many bytes are read, and all read at the end.

    Exit status 3: a worker was killed.
    """
    store_apart.APART_BYTES = 0
    large_file.PART_BYTES = PART_BYTES
    store_apart.JOB_BYTES = 256 * 1024

    def progress(at: store_tree.Progress) -> None:
        sys.stdout.write(f"{at.bytes_read}\n")
        sys.stdout.flush()
        time.sleep(0.002)

    with catalogue_of(folder) as catalogue:
        repository = opened(folder, catalogue)
        paths = DirectorySource([os.fsencode(source)], now_ns=lambda: time.time_ns() + 3600 * 10**9)
        try:
            summary = create_snapshot(
                repository,
                paths,
                user=user,
                host="host",
                checkpoints=CheckpointRate(least=timedelta(0), data_bytes=CHECKPOINT_BYTES),
                resume=last_interrupted(repository, user, "host", paths.paths),
                progress=progress,
                jobs=jobs,
            )
        except StoreUnavailable:
            sys.exit(WORKER_KILLED)
        sys.stdout.write(f"{summary.snapshot} {digest_of(source)} {summary.bytes_read}\n")
        sys.stdout.flush()


def prune_for_ever(folder: Path, owner: str) -> None:
    with catalogue_of(folder) as catalogue:
        repository = opened(folder, catalogue)
        while True:
            records = repository.ledger.completed()
            repository.ledger.forget([record.id for record in records[6:] if random.random() < SHARE_FORGOTTEN])
            try:
                prune(repository, owner=owner, lease=LEASE)
            except Conflict:
                repository.clock.sleep(0.01)
            sys.stdout.write("pruned\n")
            sys.stdout.flush()


def repair_for_ever(folder: Path, owner: str) -> None:
    with catalogue_of(folder) as catalogue:
        while True:
            with suppress(Conflict):
                report = repair(opened(folder, catalogue), owner=owner, lease=LEASE)
                assert report.found.ok, report.found.damage
            sys.stdout.write("repaired\n")
            sys.stdout.flush()


def rotate_for_ever(folder: Path, owner: str) -> None:
    objects = LocalObjects(folder)
    while True:
        with suppress(Conflict):
            rotate_keys(objects, [KEY], [KEY])
        sys.stdout.write(f"{owner} rotated\n")
        sys.stdout.flush()


OTHERS = {"prune": prune_for_ever, "repair": repair_for_ever, "rotate": rotate_for_ever}

if __name__ == "__main__":
    job, repository_folder, *rest = sys.argv[1:]
    if job == "back up once":
        back_up_once(Path(repository_folder), Path(rest[0]), rest[1], int(rest[2]))
    elif job in OTHERS:
        OTHERS[job](Path(repository_folder), rest[0])
    else:
        back_up_for_ever(Path(repository_folder), Path(rest[0]), rest[1], int(rest[2]))
