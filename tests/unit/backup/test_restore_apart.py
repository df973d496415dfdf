"""Restoring in several processes gives what restoring in one gives."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from holdfast.backup import restore as restoring
from holdfast.backup import restore_apart
from holdfast.backup.contents import File
from holdfast.backup.ids import PackId, SnapshotId
from holdfast.backup.pack import pack_key
from holdfast.backup.ports import PackKind
from holdfast.backup.reader import PlacesByPack
from holdfast.backup.repository import Repository
from holdfast.backup.restore import RestoreSummary, restore
from holdfast.backup.restore_apart import RestoreApart
from holdfast.backup.restore_worker import files_job
from holdfast.backup.targets.directory import DirectoryTarget
from holdfast.errors import StoreUnavailable
from tests.support.backups import back_up
from tests.support.many_files import fill
from tests.support.trees import picture


@pytest.fixture(autouse=True)
def _from_the_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "APART_BYTES", 0)
    monkeypatch.setattr(restoring, "BATCH_BYTES", 500_000)
    monkeypatch.setattr(restore_apart, "JOB_BYTES", 500_000)
    monkeypatch.setattr(restore_apart, "GATHERED", 30)


def restored(repository: Repository, snapshot: SnapshotId, to: Path) -> RestoreSummary:
    return restore(repository, snapshot, DirectoryTarget(os.fsencode(to)), jobs=3)


def test_several_processes_restore_every_file_with_its_metadata(tmp_path: Path, repository: Repository) -> None:
    source = fill(tmp_path / "source")
    made = back_up(repository, source)
    summary = restored(repository, made.snapshot, tmp_path / "back")
    assert picture(tmp_path / "back") == picture(source)
    assert (summary.files, summary.bytes_written, summary.failed_count) == (made.files, made.size - twins(), 0)
    assert not list((tmp_path / "back").rglob("*.partial"))


def twins() -> int:
    """The second name of a file is linked, not written."""
    return 80_000


def test_what_is_damaged_is_named_and_the_rest_comes_back(tmp_path: Path, repository: Repository) -> None:
    source = fill(tmp_path / "source")
    snapshot = back_up(repository, source).snapshot
    pack = next(row.pack for row in repository.index.packs() if row.kind is PackKind.DATA)
    object_ = tmp_path / "repository" / pack_key(pack)
    data = bytearray(object_.read_bytes())
    data[500_000] ^= 1
    object_.write_bytes(data)
    summary = restored(repository, snapshot, tmp_path / "back")
    assert summary.failed_count == len(summary.failed) > 0
    assert all("fails authentication" in failed.reason for failed in summary.failed)
    lost = {b"/" + failed.path for failed in summary.failed}
    expected = {path: what for path, what in picture(source, links=False).items() if path not in lost}
    assert picture(tmp_path / "back", links=False) == expected


def test_a_killed_worker_ends_the_restore_and_leaves_no_half_file_under_a_name(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "source", files=200)
    snapshot = back_up(repository, source).snapshot
    honest = RestoreApart.write
    calls = 0

    def killing(self: RestoreApart, *file: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 100:
            os.kill(self._workers.pids[0], signal.SIGKILL)
        honest(self, *file)  # type: ignore[arg-type]

    monkeypatch.setattr(RestoreApart, "write", killing)
    with pytest.raises(StoreUnavailable, match="a worker process was killed at "):
        restored(repository, snapshot, tmp_path / "back")
    assert calls >= 100
    for path in (tmp_path / "back").rglob("*"):
        if path.is_file() and not path.name.endswith(".partial"):
            assert path.read_bytes() == (source / path.relative_to(tmp_path / "back")).read_bytes()


def test_a_worker_that_was_told_of_a_pack_that_is_gone_asks_where_its_chunks_are_now(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "source")
    snapshot = back_up(repository, source).snapshot
    honest = files_job
    told = 0

    def outdated(
        number: int, files: Iterable[File], places: PlacesByPack, footers: Mapping[PackId, bytes]
    ) -> list[object]:
        nonlocal told
        chunks = [chunk for ordinals in places.values() for chunk in ordinals]
        told += len(chunks)
        return honest(number, files, {PackId("0" * 64): dict.fromkeys(chunks, 0)} if chunks else {}, footers)

    monkeypatch.setattr(restore_apart, "files_job", outdated)
    assert restored(repository, snapshot, tmp_path / "back").failed_count == 0
    assert told > 0
    assert picture(tmp_path / "back") == picture(source)
