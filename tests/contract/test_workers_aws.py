"""Worker processes on a repository in a bucket: each has connections of its own."""

from __future__ import annotations

import filecmp
import os
from pathlib import Path

import pytest

from holdfast.backup import restore as restoring
from holdfast.backup import store_apart
from holdfast.backup.clock import SystemClock
from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.remote import of_worker
from holdfast.backup.repository import Repository, create_repository
from holdfast.backup.restore import restore
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.stores.aws.open import open_in_aws
from holdfast.backup.stores.read_only import ReadOnlyObjects
from holdfast.backup.targets.directory import DirectoryTarget
from holdfast.backup.verify import verify
from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.aws_stores import make_stores
from tests.support.repositories import cheap_key, noise
from tests.support.vaults import EmulatedClients

pytestmark = pytest.mark.emulator


@pytest.fixture
def repository(aws: EmbeddedAws) -> Repository:
    """An empty repository in a bucket, opened as a user opens one."""
    stores = make_stores(aws)
    create_repository(stores.objects, [cheap_key()], clock=SystemClock())
    name = f"s3://{stores.bucket}/backups?metadata={stores.metadata}&deduplication={stores.deduplication}"
    return open_in_aws(name, clock=SystemClock(), clients=EmulatedClients(aws), providers=[cheap_key()])


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve files, which three worker processes store and restore although they are small."""
    monkeypatch.setattr(store_apart, "APART_BYTES", 0)
    monkeypatch.setattr(restoring, "APART_BYTES", 0)
    monkeypatch.setattr("holdfast.backup.store_apart.JOB_FILES", 1)
    monkeypatch.setattr("holdfast.backup.restore_apart.JOB_FILES", 1)
    monkeypatch.setattr("holdfast.backup.verify.LOOKED_AT_HERE", 0)
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(12):
        (folder / f"file-{number}").write_bytes(noise(60_000 * number + 1, seed=number))
    return folder


def test_worker_processes_back_up_restore_and_verify_a_bucket(
    repository: Repository, source: Path, tmp_path: Path
) -> None:
    made = create_snapshot(repository, DirectorySource([os.fsencode(source)]), user="ann", host="here", jobs=3)
    target = tmp_path / "target"
    summary = restore(repository, made.snapshot, DirectoryTarget(os.fsencode(target)), jobs=3)
    assert (summary.files, summary.failed) == (12, [])
    names = sorted(path.name for path in source.iterdir())
    assert filecmp.cmpfiles(source, target, names, shallow=False) == (names, [], [])
    report = verify(repository, read_data=True, jobs=3)
    assert report.ok
    assert report.packs == 4  # one of each worker, and the tree's


def test_a_worker_shares_no_connection_with_its_caller(repository: Repository) -> None:
    mine, theirs = repository.objects, of_worker(repository).objects
    assert theirs is not mine
    assert vars(theirs)["_client"] is not vars(mine)["_client"]
    again = ReadOnlyObjects(mine, "a replica").reconnected()
    assert vars(vars(again)["_objects"])["_client"] is not vars(mine)["_client"]
