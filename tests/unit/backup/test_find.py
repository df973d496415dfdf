"""Finding names in every snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from holdfast.backup.entry import EntryKind
from holdfast.backup.find import find
from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.manifest import load_manifest
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.errors import InvalidRequest
from tests.support.backups import back_up
from tests.support.repositories import any_repository


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    for name in ("a.pdf", "docs/b.pdf", "docs/deep/c.txt", "pictures/d.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


class Counting(ChunkReader):
    def __init__(self, repository: Repository) -> None:
        super().__init__(repository)
        self.asked = 0

    def fetch(self, chunks: Sequence[ChunkId]) -> Iterator[tuple[ChunkId, bytes]]:
        self.asked += len(chunks)
        return super().fetch(chunks)


def names(repository: Repository, pattern: str, source: Path, *ids: SnapshotId) -> dict[str, int]:
    manifests = [load_manifest(repository, id_) for id_ in ids]
    found = find(ChunkReader(repository), manifests, pattern.encode())
    return {one.path.decode().removeprefix(f"{source}/"): len(one.snapshots) for one in found}


def test_names_and_paths_are_found_in_every_snapshot(source: Path) -> None:
    repository = any_repository()
    first = back_up(repository, source).snapshot
    (source / "docs" / "b.pdf").unlink()
    second = back_up(repository, source).snapshot
    assert names(repository, "*.pdf", source, first, second) == {"a.pdf": 2, "docs/b.pdf": 1}
    assert names(repository, "docs/**", source, second) == {"docs/deep": 1, "docs/deep/c.txt": 1}
    assert names(repository, "deep/", source, first, second) == {"docs/deep": 2}
    assert names(repository, "nothing", source, first, second) == {}


def test_each_version_is_told_apart(source: Path) -> None:
    repository = any_repository()
    first = back_up(repository, source).snapshot
    (source / "a.pdf").write_text("another text")
    second = back_up(repository, source).snapshot
    manifests = [load_manifest(repository, id_) for id_ in (second, first)]
    versions = find(ChunkReader(repository), manifests, b"a.pdf")
    assert [(one.entry.size, one.snapshots) for one in versions] == [(12, [second]), (5, [first])]


def test_a_source_that_is_a_file_is_found_by_its_name(source: Path) -> None:
    repository = any_repository()
    id_ = back_up(repository, source / "a.pdf").snapshot
    (found,) = find(ChunkReader(repository), [load_manifest(repository, id_)], b"*.pdf")
    assert (found.path, found.entry.kind) == (str(source / "a.pdf").encode(), EntryKind.FILE)


def test_folders_that_snapshots_share_are_read_once(source: Path) -> None:
    repository = any_repository()
    ids = [back_up(repository, source).snapshot for _ in range(5)]
    once, often = Counting(repository), Counting(repository)
    find(once, [load_manifest(repository, ids[0])], b"nothing")
    find(often, [load_manifest(repository, id_) for id_ in ids], b"nothing")
    assert often.asked <= once.asked + 2 * len(ids)


def test_a_pattern_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        find(ChunkReader(any_repository()), [], b"/")
