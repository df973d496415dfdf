"""A large file restored in parts is the file; a part that cannot be trusted fails it by name."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from holdfast.backup import restore as restoring
from holdfast.backup import restore_apart, restore_parts
from holdfast.backup.entry import Entry
from holdfast.backup.ids import SnapshotId
from holdfast.backup.locate import list_below
from holdfast.backup.manifest import load_manifest
from holdfast.backup.pack import pack_key
from holdfast.backup.ports import PackKind
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.restore import RestoreSummary, restore
from holdfast.backup.restore_apart import RestoreApart
from holdfast.backup.restore_parts import Piece, parts_of
from holdfast.backup.targets.directory import DirectoryTarget
from holdfast.errors import IntegrityError, StoreUnavailable
from tests.support.backups import back_up
from tests.support.repositories import any_repository
from tests.support.trees import picture

PART = 400_000


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "APART_BYTES", 0)
    monkeypatch.setattr(restore_apart, "LARGE_BYTES", PART)
    monkeypatch.setattr(restore_parts, "PART_BYTES", PART)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two large files, one with holes at both ends and a repetition, beside small ones."""
    folder = tmp_path / "source"
    folder.mkdir()
    random = Random(7)
    with (folder / "sparse").open("wb") as file:
        for at in (1_000_000, 3_000_000, 3_400_000):
            file.seek(at)
            file.write(Random(at // 2_000_000).randbytes(700_000))
        file.truncate(9_000_000)
    (folder / "dense").write_bytes(random.randbytes(2_500_000))
    for number in range(9):
        (folder / f"small{number}").write_bytes(random.randbytes(number * 1000))
    return folder


def in_parts(repository: Repository, snapshot: SnapshotId, to: Path) -> RestoreSummary:
    return restore(repository, snapshot, DirectoryTarget(os.fsencode(to)), jobs=3)


def entry_of(repository: Repository, snapshot: SnapshotId, name: bytes) -> tuple[ChunkReader, Entry]:
    reader = ChunkReader(repository)
    found = list_below(reader, load_manifest(repository, snapshot))
    return reader, next(one.entry for one in found if one.entry.name == name)


def test_parts_follow_each_other_and_leave_holes_out(source: Path) -> None:
    repository = any_repository()
    reader, entry = entry_of(repository, back_up(repository, source).snapshot, b"sparse")
    parts = list(parts_of(reader, entry))
    pieces = [piece for part in parts for piece in part]
    assert len(parts) > 2
    assert all(PART <= sum(length for _, length, _ in part) < PART + 524_288 for part in parts[:-1])
    assert all(before[0] + before[1] <= after[0] for before, after in pairwise(pieces))
    data = (source / "sparse").read_bytes()
    assert all(data[at : at + length] == reader.read(chunk) for at, length, chunk in pieces)
    assert sum(length for _, length, _ in pieces) < entry.size - 6_000_000


def test_content_of_another_length_than_the_entrys_is_refused(source: Path) -> None:
    repository = any_repository()
    reader, entry = entry_of(repository, back_up(repository, source).snapshot, b"dense")
    with pytest.raises(IntegrityError, match="not the 2500001 its entry says"):
        list(parts_of(reader, entry._replace(size=entry.size + 1)))


def test_large_and_small_files_come_back_with_holes_and_metadata(source: Path, tmp_path: Path) -> None:
    repository = any_repository()
    made = back_up(repository, source)
    summary = in_parts(repository, made.snapshot, tmp_path / "back")
    assert picture(tmp_path / "back") == picture(source)
    assert (summary.files, summary.bytes_written, summary.failed) == (11, made.size, [])
    assert (tmp_path / "back" / "sparse").stat().st_blocks * 512 < 3_000_000


def test_damage_in_one_part_fails_that_file_by_name_and_leaves_nothing_of_it(source: Path, tmp_path: Path) -> None:
    repository = any_repository()
    shutil.rmtree(source)
    source.mkdir()
    (source / "other").write_bytes(Random(2).randbytes(1_500_000))
    back_up(repository, source)
    others = {row.pack for row in repository.index.packs()}
    (source / "torn").write_bytes(Random(3).randbytes(2_500_000))
    snapshot = back_up(repository, source).snapshot
    pack = next(row.pack for row in repository.index.packs() if row.kind is PackKind.DATA and row.pack not in others)
    data = bytearray(repository.objects.get(pack_key(pack)))
    data[1_200_000] ^= 1
    repository.objects.delete(pack_key(pack))
    repository.objects.put(pack_key(pack), bytes(data))

    summary = in_parts(repository, snapshot, tmp_path / "back")
    assert [(failed.path, "fails authentication" in failed.reason) for failed in summary.failed] == [(b"torn", True)]
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["other"]
    assert (tmp_path / "back" / "other").read_bytes() == (source / "other").read_bytes()


def test_a_large_file_where_a_folder_stands_fails_by_name(source: Path, tmp_path: Path) -> None:
    repository = any_repository()
    snapshot = back_up(repository, source).snapshot
    (tmp_path / "back" / "dense").mkdir(parents=True)
    target = DirectoryTarget(os.fsencode(tmp_path / "back"), overwrite=True)
    summary = restore(repository, snapshot, target, jobs=3)
    assert [failed.path for failed in summary.failed] == [b"dense"]
    assert summary.files == 10
    assert not list((tmp_path / "back").glob(".holdfast*"))


def test_a_missing_pack_fails_the_large_file_by_name(source: Path, tmp_path: Path) -> None:
    repository = any_repository()
    snapshot = back_up(repository, source).snapshot
    for row in list(repository.index.packs()):
        if row.kind is PackKind.DATA:
            repository.objects.delete(pack_key(row.pack))
    summary = in_parts(repository, snapshot, tmp_path / "back")
    assert {failed.path for failed in summary.failed} >= {b"dense", b"sparse"}
    assert all("run `holdfast verify`" in failed.reason for failed in summary.failed)
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["small0"]


def test_a_worker_killed_at_a_part_ends_the_restore_and_leaves_nothing_of_the_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = any_repository()
    snapshot = back_up(repository, source).snapshot
    begun: list[RestoreApart] = []
    honest = RestoreApart._parts

    def noting(self: RestoreApart, *file: Any) -> Any:
        begun.append(self)
        return honest(self, *file)

    def killing(reader: ChunkReader, entry: Entry) -> Iterator[list[Piece]]:
        for number, part in enumerate(parts_of(reader, entry)):
            if number == 2:
                os.kill(begun[-1]._workers.pids[0], signal.SIGKILL)
            yield part

    monkeypatch.setattr(RestoreApart, "_parts", noting)
    monkeypatch.setattr(restore_apart, "parts_of", killing)
    with pytest.raises(StoreUnavailable, match="a worker process was killed at "):
        in_parts(repository, snapshot, tmp_path / "back")
    assert begun
    assert "dense" not in [path.name for path in (tmp_path / "back").iterdir()]
    assert not list((tmp_path / "back").glob(".holdfast*"))
