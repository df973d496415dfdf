"""What stands in an unchanged folder is taken from the snapshot before, and nothing else is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.locate import list_below
from holdfast.backup.manifest import load_manifest
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.sources import directory
from holdfast.backup.sources.exclude import Exclude
from tests.support.backups import back_up, restored, source_of
from tests.support.many_files import fill
from tests.support.repositories import any_repository
from tests.support.trees import picture


def lead_elsewhere(at: Path) -> None:
    (at / "link").unlink()
    (at / "link").symlink_to("same")


def become_a_folder(at: Path) -> None:
    (at / "d2/e2/2").unlink()
    (at / "d2/e2/2").mkdir()


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file beside folders is edited": lambda at: (at / "twin").write_bytes(b"other"),
    "a file in a folder of files is edited": lambda at: (at / "d2/e2/2").write_bytes(b"other"),
    "a file is added": lambda at: (at / "d2/e2/new").write_bytes(b"new"),
    "a file is removed": lambda at: (at / "d2/e2/2").unlink(),
    "a file is renamed": lambda at: (at / "d2/e2/2").rename(at / "d2/e2/two"),
    "a folder is added": lambda at: (at / "d2/e2/f").mkdir(),
    "a folder is removed": lambda at: shutil.rmtree(at / "d3"),
    "a mode is changed": lambda at: (at / "d2/e2/2").chmod(0o600),
    "a folder's mode is changed": lambda at: (at / "d2").chmod(0o700),
    "a time is changed": lambda at: os.utime(at / "d2/e2/2", ns=(5, 5)),
    "a link leads elsewhere": lead_elsewhere,
    "a file becomes a folder": become_a_folder,
    "a link is made to a file": lambda at: os.link(at / "d2/e2/2", at / "d4/e1/linked"),
    "nothing": lambda at: None,
}


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_is_restored_is_what_is_there_after(
    change: Callable[[Path], object], ahead: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "MANY_FOLDERS", 1)
    repository, source = any_repository(), fill(tmp_path / "source")
    back_up(repository, source)
    change(source)
    after = back_up(repository, source, ahead=ahead)
    restored(repository, after.snapshot, tmp_path / "back")
    assert picture(tmp_path / "back") == picture(source)
    whole = back_up(repository, source, reread=True)
    assert (after.files, after.size) == (whole.files, whole.size)
    assert roots(repository, after.snapshot) == roots(repository, whole.snapshot)


def roots(repository: Repository, snapshot: str) -> object:
    return load_manifest(repository, snapshot).roots  # type: ignore[arg-type]


def test_an_unchanged_tree_is_told_as_such_and_stores_nothing(tmp_path: Path) -> None:
    repository, source = any_repository(), fill(tmp_path / "source")
    first, second = back_up(repository, source), back_up(repository, source)
    assert (second.files, second.size) == (first.files, first.size)
    assert (second.files_unchanged, second.bytes_read, second.bytes_stored) == (second.files, 0, 0)


def test_folders_without_folders_are_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    for number in range(50):
        (source / f"{number}").mkdir(parents=True)
        (source / f"{number}" / "file").write_bytes(b"%d" % number)
    repository = any_repository()
    back_up(repository, source)
    fetched = 0
    honest = ChunkReader.fetch

    def counting(self: ChunkReader, chunks: object) -> object:
        nonlocal fetched
        fetched += len(chunks)  # type: ignore[arg-type]
        return honest(self, chunks)  # type: ignore[arg-type]

    monkeypatch.setattr(ChunkReader, "fetch", counting)
    assert back_up(repository, source).files_unchanged == 50
    assert fetched < 5


def test_an_unreadable_file_is_named_again_in_the_next_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, source = any_repository(), fill(tmp_path / "source")
    honest = os.open

    def refusing(path: bytes, flags: int, *arguments: int, **options: int | None) -> int:
        if path == b"7":
            raise PermissionError(13, "Permission denied")
        return honest(path, flags, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refusing)
        for _ in range(3):
            assert [skipped.reason for skipped in back_up(repository, source).skipped] == ["permission denied"]
    assert back_up(repository, source).is_complete


def test_what_is_excluded_from_now_on_is_left_out(tmp_path: Path) -> None:
    repository, source = any_repository(), fill(tmp_path / "source")
    back_up(repository, source)
    without = source_of(source, exclude=Exclude([b"7", b"e1"]))
    summary = create_snapshot(repository, without, user="user", host="host")
    manifest = load_manifest(repository, summary.snapshot)
    names = {located.path.rsplit(b"/", 1)[1] for located in list_below(ChunkReader(repository), manifest)}
    assert {b"7", b"e1"}.isdisjoint(names)
    assert b"8" in names


def test_a_folder_whose_files_changed_a_moment_ago_is_looked_at_again(tmp_path: Path) -> None:
    repository, source = any_repository(), tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"1")
    now = (source / "file").stat().st_ctime_ns + 10_000_000
    fresh = create_snapshot(repository, source_of(source, now_ns=lambda: now), user="user", host="host")
    top = next(list_below(ChunkReader(repository), load_manifest(repository, fresh.snapshot)))
    assert top.entry.fingerprint == b""
    settled = back_up(repository, source)
    top = next(list_below(ChunkReader(repository), load_manifest(repository, settled.snapshot)))
    assert len(top.entry.fingerprint) == 16
