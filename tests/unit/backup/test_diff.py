from __future__ import annotations

import os
from pathlib import Path

from holdfast.backup.diff import diff
from holdfast.backup.manifest import load_manifest
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from tests.support.backups import back_up
from tests.support.chains import deep_chain
from tests.support.repositories import any_repository


def changes(repository: Repository, source: Path, before: str, after: str) -> list[str]:
    manifests = [load_manifest(repository, id_) for id_ in (before, after)]  # type: ignore[arg-type]
    found = diff(ChunkReader(repository), *manifests)
    return [f"{one.change.value} {os.path.relpath(os.fsdecode(one.path), source)}" for one in found]


def test_each_kind_of_change_is_told_once_in_order(tmp_path: Path) -> None:
    for name in ("removed", "content", "kind", "mode", "same"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "folder-removed").mkdir()
    (tmp_path / "folder-removed" / "inside").write_bytes(b"")
    (tmp_path / "becomes-folder").write_bytes(b"")
    os.utime(tmp_path, ns=(0, 0))
    repository = any_repository()
    before = back_up(repository, tmp_path)
    (tmp_path / "removed").unlink()
    (tmp_path / "content").write_bytes(b"22")
    (tmp_path / "kind").unlink()
    (tmp_path / "kind").symlink_to("x")
    (tmp_path / "mode").chmod(0o600)
    (tmp_path / "folder-removed" / "inside").unlink()
    (tmp_path / "folder-removed").rmdir()
    (tmp_path / "becomes-folder").unlink()
    (tmp_path / "becomes-folder").mkdir()
    (tmp_path / "becomes-folder" / "new").write_bytes(b"")
    (tmp_path / "added").write_bytes(b"")
    os.utime(tmp_path, ns=(0, 0))
    after = back_up(repository, tmp_path)

    assert changes(repository, tmp_path, before.snapshot, after.snapshot) == [
        "+ added",
        "T becomes-folder",
        "+ becomes-folder/new",
        "M content",
        "- folder-removed",
        "- folder-removed/inside",
        "T kind",
        "U mode",
        "- removed",
    ]
    assert changes(repository, tmp_path, after.snapshot, before.snapshot)[0] == "- added"
    assert changes(repository, tmp_path, after.snapshot, after.snapshot) == []


def test_a_copy_of_the_same_files_differs_in_nothing(tmp_path: Path) -> None:
    """Inodes and fingerprints are of the machine, not of the content."""
    source = tmp_path / "s"
    source.mkdir()
    (source / "a").write_bytes(b"x")
    (source / "b").hardlink_to(source / "a")
    os.utime(source / "a", ns=(5, 5))
    os.utime(source, ns=(5, 5))
    repository = any_repository()
    before = back_up(repository, source)
    for name in ("a", "b"):
        (source / name).unlink()
    (source / "a").write_bytes(b"x")
    (source / "b").hardlink_to(source / "a")
    os.utime(source / "a", ns=(5, 5))
    os.utime(source, ns=(5, 5))
    after = back_up(repository, source)
    assert changes(repository, source, before.snapshot, after.snapshot) == []


def test_a_source_in_one_snapshot_only_is_added_or_removed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_bytes(b"")
    repository = any_repository()
    before = back_up(repository, tmp_path / "a")
    after = back_up(repository, tmp_path / "b")
    assert changes(repository, tmp_path, before.snapshot, after.snapshot) == ["- a", "- a/f", "+ b", "+ b/f"]


def test_shared_folders_are_not_read(tmp_path: Path) -> None:
    for n in range(20):
        (tmp_path / f"d{n}").mkdir()
        (tmp_path / f"d{n}" / "f").write_bytes(b"")
    repository = any_repository()
    before = back_up(repository, tmp_path)
    (tmp_path / "d7" / "g").write_bytes(b"")
    after = back_up(repository, tmp_path)
    reader = CountingReader(ChunkReader(repository))
    found = list(diff(reader, *(load_manifest(repository, one.snapshot) for one in (before, after))))
    assert [one.change.value for one in found if one.path.endswith(b"/g")] == ["+"]
    assert reader.asked <= 6


class CountingReader:
    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader
        self.asked = 0

    def read(self, chunk):  # type: ignore[no-untyped-def]
        self.asked += 1
        return self._reader.read(chunk)

    def fetch(self, chunks):  # type: ignore[no-untyped-def]
        self.asked += len(chunks)
        return self._reader.fetch(chunks)


def test_any_depth_is_compared(tmp_path: Path) -> None:
    repository = any_repository()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "e").write_bytes(b"")
    before = back_up(repository, tmp_path / "deep")
    with deep_chain(tmp_path / "deep"):
        after = back_up(repository, tmp_path / "deep")
    found = changes(repository, tmp_path / "deep", before.snapshot, after.snapshot)
    assert len([line for line in found if line.startswith("+")]) == 1501
