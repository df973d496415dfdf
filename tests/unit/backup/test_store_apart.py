"""Storing in several processes gives what storing in one gives."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from random import Random
from typing import Any

import pytest

from holdfast.backup import large_file, store_apart
from holdfast.backup.create_snapshot import SnapshotSummary, create_snapshot
from holdfast.backup.ids import ChunkId
from holdfast.backup.large_file import LargeFile, Part, StoredPart
from holdfast.backup.manifest import load_manifest
from holdfast.backup.ports import PackKind, Status
from holdfast.backup.promises import STORED, answer
from holdfast.backup.repository import Repository
from holdfast.backup.session import new_snapshot_id
from holdfast.backup.store_apart import FLUSHED, FilesApart, Written
from holdfast.backup.store_file import FileStore
from holdfast.backup.store_tree import Progress
from holdfast.backup.verify import verify
from holdfast.backup.workers import Ask, Work, Workers
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import Interrupted, StoreUnavailable
from tests.support.backups import restored, source_of
from tests.support.many_files import fill
from tests.support.patience import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def _from_the_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_apart, "APART_BYTES", 0)


def back_up(repository: Repository, folder: Path, jobs: int, host: str = "host") -> SnapshotSummary:
    return create_snapshot(repository, source_of(folder), user="user", host=host, jobs=jobs)


def test_several_processes_store_the_very_tree_that_one_stores(tmp_path: Path, repository: Repository) -> None:
    source = fill(tmp_path / "source")
    one, several = back_up(repository, source, 1, "a"), back_up(repository, source, 3, "b")
    assert load_manifest(repository, one.snapshot).roots == load_manifest(repository, several.snapshot).roots
    assert (several.files, several.size, several.bytes_read) == (one.files, one.size, one.bytes_read)


def test_what_several_processes_stored_is_whole_and_comes_back(tmp_path: Path, repository: Repository) -> None:
    source = fill(tmp_path / "source")
    summary = back_up(repository, source, 3)
    assert verify(repository, read_data=True).ok
    restored(repository, summary.snapshot, tmp_path / "back")
    for path in source.rglob("*"):
        if path.is_file():
            assert (tmp_path / "back" / path.relative_to(source)).read_bytes() == path.read_bytes()
    packs = load_manifest(repository, summary.snapshot).packs_added
    assert set(packs) == {row.pack for row in repository.index.packs()}


def test_equal_chunks_in_several_processes_are_stored_once(tmp_path: Path, repository: Repository) -> None:
    data = Random(5).randbytes(400_000)
    for number in range(40):
        path = tmp_path / "source" / f"{number // 4}" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    summary = back_up(repository, tmp_path / "source", 4)
    assert summary.bytes_stored < 1.2 * len(data)


def refuse_to_open(name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = os.open

    def refusing(path: bytes, flags: int, *arguments: int, **options: int | None) -> int:
        if path == name:
            raise PermissionError(13, "Permission denied")
        return honest(path, flags, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)


def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_stored(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "source")
    refuse_to_open(b"7", monkeypatch)
    summary = back_up(repository, source, 3)
    assert [(skipped.path.rsplit(b"/", 1)[1], skipped.reason) for skipped in summary.skipped] == [
        (b"7", "permission denied")
    ]
    assert summary.files == 63


def test_a_killed_worker_ends_the_backup_and_acknowledges_nothing(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "source", files=200)
    honest = FilesApart.store
    calls = 0

    def killing(self: FilesApart, *arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 100:
            assert self._workers
            os.kill(self._workers.pids[0], signal.SIGKILL)
        return honest(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(FilesApart, "store", killing)
    with pytest.raises(StoreUnavailable, match="a worker process was killed at "):
        back_up(repository, source, 2)
    assert calls >= 100
    assert not repository.ledger.completed()
    assert [record.status for record in repository.ledger.ended()] == [Status.FAILED]
    monkeypatch.undo()
    restored(repository, back_up(repository, source, 2).snapshot, tmp_path / "back")
    assert verify(repository, read_data=True).ok


def test_a_backup_stopped_while_workers_are_busy_keeps_what_they_stored(tmp_path: Path, repository: Repository) -> None:
    source = fill(tmp_path / "source", files=200)
    looks = 0

    def is_stopped() -> bool:
        nonlocal looks
        looks += 1
        return looks > 16

    with pytest.raises(Interrupted):
        create_snapshot(repository, source_of(source), user="user", host="host", jobs=2, is_stopped=is_stopped)
    assert not repository.ledger.completed()
    assert [record.status for record in repository.ledger.ended()] == [Status.FAILED]
    stored = sum(row.size for row in repository.index.packs())
    assert stored > 1_000_000
    again = back_up(repository, source, 2)
    assert again.files == 204
    assert again.bytes_added < again.bytes_read - stored // 2
    assert verify(repository, read_data=True).ok


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of eight parts, and some small ones."""
    monkeypatch.setattr(large_file, "PART_BYTES", 1 << 20)
    source = fill(tmp_path / "source", files=20)
    (source / "large").write_bytes(Random(3).randbytes((8 << 20) - 5))
    os.utime(source / "large", ns=(1, 1))
    return source


def test_a_large_file_in_parts_is_the_very_entry_that_one_process_stores(large: Path, repository: Repository) -> None:
    several, one = back_up(repository, large, 3, "a"), back_up(repository, large, 1, "b")
    assert load_manifest(repository, one.snapshot).roots == load_manifest(repository, several.snapshot).roots
    assert (several.files, several.size, several.bytes_read) == (one.files, one.size, one.bytes_read)
    assert one.bytes_added == 0
    assert len(load_manifest(repository, several.snapshot).packs_added) > 3


def test_progress_is_told_while_a_large_file_is_stored(large: Path, repository: Repository) -> None:
    told: list[Progress] = []
    create_snapshot(repository, source_of(large / "large"), user="u", host="h", jobs=2, progress=told.append)
    assert len({at.bytes_read for at in told}) > 3
    assert {at.path for at in told} == {os.fsencode(large / "large")}


def test_a_large_file_that_ends_in_a_hole_is_one_file(large: Path, repository: Repository) -> None:
    with (large / "large").open("r+b") as file:
        file.truncate(40 << 20)
    several, one = back_up(repository, large, 3, "a"), back_up(repository, large, 1, "b")
    assert load_manifest(repository, one.snapshot).roots == load_manifest(repository, several.snapshot).roots
    assert (several.files, several.size) == (one.files, one.size)


def test_a_large_file_that_changes_between_its_parts_is_read_anew(
    large: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = LargeFile.take
    calls = 0

    def changing(self: LargeFile, part: Part, stored: StoredPart) -> Part | None:
        nonlocal calls
        calls += 1
        return honest(self, part, stored._replace(stamp=[*stored.stamp[:3], calls]))

    monkeypatch.setattr(LargeFile, "take", changing)
    summary = back_up(repository, large, 3)
    assert calls == 4  # two parts of each of the two large files: then their stamps differ
    assert not summary.warnings
    monkeypatch.undo()
    again = back_up(repository, large, 1, "other")
    assert load_manifest(repository, again.snapshot).roots == load_manifest(repository, summary.snapshot).roots


def test_a_large_file_that_cannot_be_read_is_named(
    large: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_to_open(b"large", monkeypatch)
    summary = back_up(repository, large, 3)
    assert [(skipped.path.rsplit(b"/", 1)[1], skipped.reason) for skipped in summary.skipped] == [
        (b"large", "permission denied")
    ]
    assert summary.files == 24


def test_little_is_stored_by_this_process_alone_as_the_workers_would(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "source", files=20)
    several = back_up(repository, source, 3, "a")
    monkeypatch.setattr(store_apart, "APART_BYTES", 16 << 20)
    monkeypatch.setattr(Workers, "_start", lambda *_: pytest.fail("a worker process was started"))
    summary = back_up(repository, source, 3, "b")
    assert load_manifest(repository, summary.snapshot).roots == load_manifest(repository, several.snapshot).roots
    assert (summary.files, summary.size, summary.bytes_read) == (several.files, several.size, several.bytes_read)


def test_many_small_files_are_worth_workers_whatever_their_bytes(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_apart, "APART_BYTES", 16 << 20)
    monkeypatch.setattr(store_apart, "APART_FILES", 10)
    summary = back_up(repository, fill(tmp_path / "source", files=20), 3)
    assert len(load_manifest(repository, summary.snapshot).packs_added) > 2


def test_what_workers_ask_is_answered_while_the_caller_publishes_its_own_far_away(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()

    def asking(*given: Any) -> Work:
        ask: Ask = given[-1]
        return lambda _: (FLUSHED, 0, Written(ask("anything"), 0, ()))

    def answering(*_: object) -> int:
        asked.set()
        return 3

    monkeypatch.setattr(store_apart, "is_remote", lambda _: True)
    monkeypatch.setattr(store_apart, "_prepare", asking)
    monkeypatch.setattr(store_apart, "answer", answering)
    files = FileStore(ChunkWriter(repository, new_snapshot_id()), repository.limits, b"secret", lambda _: None)
    apart = FilesApart(repository, files, source_of(tmp_path), 2, lambda _: None)
    vars(apart)["_workers"] = apart._start()
    waited: list[bool] = []
    try:
        assert apart.flush(meanwhile=lambda: waited.append(asked.wait(PATIENCE_SECONDS))) == [Written(3, 0, ())] * 2
    finally:
        apart.close()
    assert waited == [True]


def test_what_one_process_of_a_session_is_storing_no_other_stores(repository: Repository) -> None:
    writer = ChunkWriter(repository, new_snapshot_id())
    chunk, other = writer.add(PackKind.TREE, b"a node"), ChunkId(bytes(32))
    assert answer(writer.register, [STORED, [chunk, other]]) == b"\0\0"  # not asked for yet: whoever is first stores it
    assert answer(writer.register, [STORED, [chunk, other]]) == b"\1\1"
    writer.flush()
    assert not list(repository.index.packs())
