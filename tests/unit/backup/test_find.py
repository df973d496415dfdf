"""Finding names in every snapshot."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from holdfast.backup.entry import EntryKind
from holdfast.backup.find import find
from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.locate import list_below, locate
from holdfast.backup.manifest import load_manifest
from holdfast.backup.pack import pack_key
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.errors import HoldfastError, IntegrityError, InvalidRequest
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


def refuse(_: SnapshotId, error: HoldfastError) -> None:
    raise error


def names(repository: Repository, pattern: str, source: Path, *ids: SnapshotId) -> dict[str, int]:
    manifests = [load_manifest(repository, id_) for id_ in ids]
    found = find(ChunkReader(repository), manifests, pattern.encode(), refuse)
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
    versions = find(ChunkReader(repository), manifests, b"a.pdf", refuse)
    assert [(one.entry.size, one.snapshots) for one in versions] == [(12, [second]), (5, [first])]


def test_a_source_that_is_a_file_is_found_by_its_name(source: Path) -> None:
    repository = any_repository()
    id_ = back_up(repository, source / "a.pdf").snapshot
    (found,) = find(ChunkReader(repository), [load_manifest(repository, id_)], b"*.pdf", refuse)
    assert (found.path, found.entry.kind) == (str(source / "a.pdf").encode(), EntryKind.FILE)


def test_folders_that_snapshots_share_are_read_once(source: Path) -> None:
    repository = any_repository()
    ids = [back_up(repository, source).snapshot for _ in range(5)]
    once, often = Counting(repository), Counting(repository)
    find(once, [load_manifest(repository, ids[0])], b"nothing", refuse)
    find(often, [load_manifest(repository, id_) for id_ in ids], b"nothing", refuse)
    assert often.asked <= once.asked + 2 * len(ids)


def test_a_pattern_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        find(ChunkReader(any_repository()), [], b"/", refuse)


def test_a_damaged_folder_hides_nothing_but_what_is_in_it(source: Path, tmp_path: Path) -> None:
    repository = any_repository()
    first = back_up(repository, source).snapshot
    shutil.rmtree(source / "docs" / "deep")
    second = back_up(repository, source).snapshot
    manifests = [load_manifest(repository, id_) for id_ in (first, second)]
    deep = node_of(repository, first, b"docs/deep")

    class Damaged(ChunkReader):
        def fetch(self, chunks: Sequence[ChunkId]) -> Iterator[tuple[ChunkId, bytes]]:
            if deep in chunks:
                raise IntegrityError("this node is damaged")
            return super().fetch(chunks)

    bad: list[ChunkId] = []
    listed = list_below(Damaged(repository), manifests[0], None, lambda chunk, _: bad.append(chunk))
    paths = [os.fsdecode(one.path).removeprefix(f"{source}/") for one in listed]
    assert paths[1:] == ["a.pdf", "docs", "docs/b.pdf", "docs/deep", "pictures", "pictures/d.png"]
    assert bad == [deep]
    told: list[SnapshotId] = []
    for pattern, expected in ((b"*.*", {"a.pdf": 3, "docs/b.pdf": 3, "pictures/d.png": 3}), (b"none", {})):
        told.clear()
        found = find(Damaged(repository), [*manifests, manifests[0]], pattern, lambda id_, _: told.append(id_))
        assert {one.path.decode().removeprefix(f"{source}/"): len(one.snapshots) for one in found} == expected
        assert told == [first, first]


def test_a_source_whose_root_is_damaged_is_told(source: Path) -> None:
    repository = any_repository()
    manifest = load_manifest(repository, back_up(repository, source).snapshot)
    for row in repository.index.packs():
        repository.objects.delete(pack_key(row.pack))
    told: list[SnapshotId] = []
    assert find(ChunkReader(repository), [manifest], b"*", lambda id_, _: told.append(id_)) == []
    assert told == [manifest.id]


def node_of(repository: Repository, snapshot: SnapshotId, path: bytes) -> ChunkId:
    (node,) = locate(ChunkReader(repository), load_manifest(repository, snapshot), path).entry.nodes
    return node
