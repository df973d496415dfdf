from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.manifest import Manifest, SourceRoot, put_manifest
from holdfast.backup.ports import PackKind
from holdfast.backup.repository import Repository
from holdfast.backup.restore import Progress, restore
from holdfast.backup.session import new_snapshot_id
from holdfast.backup.targets.directory import DirectoryTarget
from holdfast.backup.tree_builders import NodeBuilder
from holdfast.backup.wire import pack
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import IntegrityError, NotFound
from tests.support.backups import back_up, restored
from tests.support.chains import DEPTH, deep_chain
from tests.support.repositories import any_repository
from tests.support.trees import picture


class Forged:
    """A repository whose owner writes any tree at all: the hostile one of the threat model."""

    def __init__(self) -> None:
        self.repository: Repository = any_repository()
        self._session = new_snapshot_id()
        self._writer = ChunkWriter(self.repository, self._session)

    def chunk(self, data: bytes) -> ChunkId:
        return self._writer.add(PackKind.DATA, data)

    def node(self, data: bytes) -> ChunkId:
        return self._writer.add(PackKind.TREE, data)

    def folder(self, name: bytes, *entries: Entry) -> Entry:
        builder = NodeBuilder(self.node, self.repository.keyring.chunk_id)
        for entry in entries:
            builder.add(entry)
        nodes, levels = builder.finish()
        return Entry(name=name, kind=EntryKind.DIRECTORY, mode=0o755, nodes=nodes, levels=levels)

    def file(self, name: bytes, data: bytes = b"x", **values: Any) -> Entry:
        content = (self.chunk(data),) if data else ()
        return Entry(name=name, kind=EntryKind.FILE, mode=0o644, **{"content": content, "size": len(data), **values})

    def snapshot(self, *nodes: ChunkId, path: bytes = b"/src") -> SnapshotId:
        return self.snapshot_of(SourceRoot(path, nodes))

    def snapshot_of(self, *sources: SourceRoot) -> SnapshotId:
        self._writer.flush()
        now = self.repository.clock.now()
        id_ = new_snapshot_id()
        put_manifest(
            self.repository, Manifest(id=id_, time=now, finished=now, host="h", user="u", sources=tuple(sources))
        )
        return id_

    def root(self, *entries: Entry) -> SnapshotId:
        return self.snapshot(*self.folder(b"x", self.folder(b"src", *entries)).nodes)


def test_a_path_that_is_a_folder_goes_directly_into_the_target(tmp_path: Path) -> None:
    (tmp_path / "s" / "in").mkdir(parents=True)
    (tmp_path / "s" / "in" / "f").write_bytes(b"f")
    (tmp_path / "s" / "g").write_bytes(b"g")
    repository = any_repository()
    snapshot = back_up(repository, tmp_path / "s").snapshot
    restored(repository, snapshot, tmp_path / "folder", b"in")
    restored(repository, snapshot, tmp_path / "file", os.fsencode(tmp_path / "s" / "g"))
    assert picture(tmp_path / "folder") == picture(tmp_path / "s" / "in")
    assert [path.name for path in (tmp_path / "file").iterdir()] == ["g"]


def test_a_path_that_is_not_there_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    repository = any_repository()
    snapshot = back_up(repository, tmp_path / "s").snapshot
    with pytest.raises(NotFound):
        restored(repository, snapshot, tmp_path / "t", b"none")
    with pytest.raises(NotFound):
        restored(repository, SnapshotId("0" * 32), tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_several_sources_go_below_their_full_paths(tmp_path: Path) -> None:
    for name in ("a", "b/c"):
        (tmp_path / "s" / name).mkdir(parents=True)
        (tmp_path / "s" / name / "f").write_bytes(name.encode())
    (tmp_path / "s" / "single").write_bytes(b"1")
    repository = any_repository()
    sources = [tmp_path / "s" / name for name in ("a", "b/c", "single")]
    snapshot = back_up(repository, *sources).snapshot
    summary = restored(repository, snapshot, tmp_path / "t")
    assert (summary.failed, summary.files) == ([], 3)
    below = tmp_path / "t" / (tmp_path / "s").relative_to("/")
    for name in ("a", "b/c", "single"):
        assert picture(below / name) == picture(tmp_path / "s" / name)


def test_hard_links_within_the_restored_part_are_links_again(tmp_path: Path) -> None:
    (tmp_path / "s" / "d").mkdir(parents=True)
    (tmp_path / "s" / "a").write_bytes(b"x")
    (tmp_path / "s" / "d" / "b").hardlink_to(tmp_path / "s" / "a")
    (tmp_path / "s" / "l").symlink_to("dangling")
    os.link(tmp_path / "s" / "l", tmp_path / "s" / "m", follow_symlinks=False)
    repository = any_repository()
    snapshot = back_up(repository, tmp_path / "s").snapshot
    restored(repository, snapshot, tmp_path / "t")
    restored(repository, snapshot, tmp_path / "part", b"d")
    assert picture(tmp_path / "t") == picture(tmp_path / "s")
    assert (tmp_path / "t" / "l").lstat().st_nlink == 2
    assert (tmp_path / "part" / "b").stat().st_nlink == 1


def test_large_files_come_back_with_bounded_windows(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    data = os.urandom(1 << 20) * 3 + bytes(5 << 20) + os.urandom(30 << 20)
    (tmp_path / "s" / "large").write_bytes(data)
    seen: list[Progress] = []
    repository = any_repository()
    snapshot = back_up(repository, tmp_path / "s").snapshot
    restore(repository, snapshot, DirectoryTarget(os.fsencode(tmp_path / "t")), progress=seen.append)
    assert (tmp_path / "t" / "large").read_bytes() == data
    assert seen[-1] == Progress(1, len(data), b"large")
    assert len(seen) > 2


def test_any_depth_comes_back(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    repository = any_repository()
    with deep_chain(tmp_path / "s"):
        snapshot = back_up(repository, tmp_path / "s").snapshot
    (tmp_path / "t").mkdir()
    with deep_chain(tmp_path / "t", make=False):
        summary = restored(repository, snapshot, tmp_path / "t")
    assert (summary.files, summary.folders, summary.failed_count) == (1, DEPTH, 0)


@pytest.mark.parametrize("name", [b"..", b".", b"a/b", b"/etc/x", b"", b"a\0b"])
def test_a_hostile_name_is_refused_and_writes_nothing(tmp_path: Path, name: bytes) -> None:
    forged = Forged()
    node = forged.node(pack([{"n": name, "t": "f", "c": [forged.chunk(b"evil")], "s": 4}]))
    folder = Entry(name=b"src", kind=EntryKind.DIRECTORY, mode=0o755, nodes=(node,))
    snapshot = forged.snapshot(*forged.folder(b"x", folder).nodes)
    summary = restored(forged.repository, snapshot, tmp_path / "t")
    assert (summary.failed_count, summary.files) == (1, 0)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["t"]


def test_a_link_restored_earlier_is_never_followed(tmp_path: Path) -> None:
    """The name twice, first as a link to the outside, then as a folder: refused by the order of names."""
    outside = tmp_path / "outside"
    outside.mkdir()
    forged = Forged()
    inside = forged.folder(b"d", forged.file(b"evil"))
    first = forged.node(pack([{"n": b"d", "t": "l", "l": os.fsencode(outside)}]))
    second = forged.node(pack([{"n": b"d", "t": "d", "d": list(inside.nodes)}]))
    folder = Entry(name=b"src", kind=EntryKind.DIRECTORY, mode=0o755, nodes=(first, second))
    snapshot = forged.snapshot(*forged.folder(b"x", folder).nodes)
    summary = restored(forged.repository, snapshot, tmp_path / "t")
    assert summary.failed_count == 1
    assert list(outside.iterdir()) == []


def test_sources_below_a_link_of_another_source_are_not_written_through_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    forged = Forged()
    link = Entry(name=b"d", kind=EntryKind.SYMLINK, target=os.fsencode(outside))
    snapshot = forged.snapshot_of(
        SourceRoot(b"/a", forged.folder(b"x", forged.folder(b"a", link)).nodes),
        SourceRoot(b"/a/d/deeper", forged.folder(b"x", forged.file(b"evil")).nodes),
        SourceRoot(b"/../../up", forged.folder(b"x", forged.file(b"up")).nodes),
    )
    summary = restored(forged.repository, snapshot, tmp_path / "t")
    assert [failed.path for failed in summary.failed] == [b"a/d"]
    assert list(outside.iterdir()) == []
    assert (tmp_path / "t" / "up").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "t"]


def test_a_forged_link_group_links_nothing_that_differs(tmp_path: Path) -> None:
    forged = Forged()
    first = forged.file(b"a", b"one", link=b"group")
    second = forged.file(b"b", b"two", link=b"group")
    third = first._replace(name=b"c", mode=0o4755)
    summary = restored(forged.repository, forged.root(first, second, third), tmp_path / "t")
    assert summary.failed_count == 0
    assert [(tmp_path / "t" / name).read_bytes() for name in "abc"] == [b"one", b"two", b"one"]
    assert {(tmp_path / "t" / name).stat().st_nlink for name in "abc"} == {1}


def test_a_size_that_lies_fails_that_file_alone(tmp_path: Path) -> None:
    forged = Forged()
    snapshot = forged.root(forged.file(b"liar", b"xyz", size=5), forged.file(b"ok", b"fine"))
    summary = restored(forged.repository, snapshot, tmp_path / "t")
    assert [(failed.path, summary.files) for failed in summary.failed] == [(b"liar", 1)]
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["ok"]


def test_what_a_damaged_chunk_or_node_does_not_hold_is_restored(tmp_path: Path) -> None:
    forged = Forged()
    lost = ChunkId(b"\7" * 32)
    torn = Entry(name=b"torn", kind=EntryKind.DIRECTORY, mode=0o755, nodes=(lost,))
    snapshot = forged.root(
        forged.file(b"a", b"fine"),
        forged.file(b"b", content=(lost,), size=5),
        forged.file(b"c", b"also fine"),
        forged.file(b"d", content=(lost,), levels=1, size=5),
        torn,
        forged.folder(b"z", forged.file(b"e", b"and this")),
    )
    summary = restored(forged.repository, snapshot, tmp_path / "t")
    assert [failed.path for failed in summary.failed] == [b"b", b"d", b"torn"]
    assert sorted(path.name for path in (tmp_path / "t").rglob("*")) == ["a", "c", "e", "torn", "z"]
    assert summary.files == 3


def test_a_damaged_node_costs_what_it_lists_and_no_other_file_of_its_folder(tmp_path: Path) -> None:
    forged = Forged()
    nodes = [forged.folder(b"d", *(forged.file(b"%d%d" % (node, n)) for n in range(3))).nodes[0] for node in range(3)]
    torn = Entry(name=b"d", kind=EntryKind.DIRECTORY, mode=0o755, nodes=(nodes[0], ChunkId(b"\7" * 32), nodes[2]))
    summary = restored(forged.repository, forged.root(torn, forged.file(b"e")), tmp_path / "t")
    assert [failed.path for failed in summary.failed] == [b"d"]
    assert sorted(path.name for path in (tmp_path / "t").rglob("*")) == ["00", "01", "02", "20", "21", "22", "d", "e"]


def test_a_damaged_root_is_an_error(tmp_path: Path) -> None:
    forged = Forged()
    with pytest.raises(IntegrityError):
        restored(forged.repository, forged.snapshot(ChunkId(b"\7" * 32)), tmp_path / "t")
