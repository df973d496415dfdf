# ruff: noqa: PTH118, PTH208 - names are bytes
from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.folders import MAX_OPEN
from holdfast.backup.sources import Extent, Skipped, SourceEntry, directory
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.sources.exclude import Exclude
from holdfast.backup.sources.listing import Keep, Listing, list_folder
from holdfast.errors import SourceUnreadable
from tests.support.chains import DEPTH, deep_chain

LATER_NS = 3600 * 10**9


def source(*paths: Path, **options: object) -> DirectorySource:
    options.setdefault("now_ns", lambda: time.time_ns() + LATER_NS)
    return DirectorySource([os.fsencode(path) for path in paths], **options)  # type: ignore[arg-type]


def found(of: DirectorySource) -> list[SourceEntry | Skipped]:
    return [item for root in of.paths for item in of.entries(root)]


def paths(of: DirectorySource) -> list[bytes]:
    return [b"/".join(item.path) for item in found(of) if isinstance(item, SourceEntry)]


def skipped(of: DirectorySource) -> list[Skipped]:
    return [item for item in found(of) if isinstance(item, Skipped)]


def contents(of: DirectorySource, name: bytes) -> tuple[Entry, list[bytes | int], bool]:
    for item in of.entries(of.paths[0]):
        if isinstance(item, SourceEntry) and item.entry.name == name:
            with of.open(item) as file:
                runs = [
                    extent.length if extent.hole else b"".join(iter(lambda: file.read(5), b""))
                    for extent in file.extents()
                ]
                return file.entry, runs, file.changed()
    raise AssertionError(f"{name!r} was not found")


def test_entries_come_depth_first_in_byte_order(tmp_path: Path) -> None:
    for name in ("a/x", "a/y/z", "a-b", "B", "ä"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert paths(source(tmp_path)) == [b"", b"B", b"a", b"a/x", b"a/y", b"a/y/z", b"a-b", "ä".encode()]


def test_every_kind_has_its_metadata(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "file").chmod(0o4751)
    (tmp_path / "link").symlink_to("nowhere/at all")
    os.mkfifo(tmp_path / "pipe", 0o600)
    os.utime(tmp_path / "file", ns=(1, 123456789123456789))

    by_name = {item.entry.name: item.entry for item in found(source(tmp_path)) if isinstance(item, SourceEntry)}

    file = by_name[b"file"]
    assert (file.kind, file.mode, file.size, file.mtime_ns) == (EntryKind.FILE, 0o4751, 3, 123456789123456789)
    assert (file.uid, file.gid) == (os.getuid(), os.getgid())
    assert (by_name[b"link"].kind, by_name[b"link"].target) == (EntryKind.SYMLINK, b"nowhere/at all")
    assert by_name[b"pipe"].kind is EntryKind.FIFO


def test_names_that_are_not_text_are_kept(tmp_path: Path) -> None:
    name = b"\xff\xfe\n\x80"
    Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(b"x")
    assert paths(source(tmp_path)) == [b"", name]


def test_hard_links_share_a_group_and_single_files_have_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").write_bytes(b"x")
    links = {i.entry.name: i.entry.link for i in found(source(tmp_path)) if isinstance(i, SourceEntry)}
    assert links[b"a"] == links[b"b"] != b""
    assert links[b"c"] == b""


def test_a_sparse_file_is_read_as_data_and_holes(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.write(b"head")
        file.seek(1 << 20)
        file.write(b"middle")
        file.truncate(3 << 20)
    entry, runs, _ = contents(source(tmp_path), b"sparse")

    assert entry.size == 3 << 20
    assert sum(run if isinstance(run, int) else len(run) for run in runs) == 3 << 20
    assert sum(run for run in runs if isinstance(run, int)) > 2 << 20
    rebuilt = b"".join(bytes(run) if isinstance(run, int) else run for run in runs)
    assert rebuilt == (tmp_path / "sparse").read_bytes()


def test_an_empty_file_has_no_extents(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert contents(source(tmp_path), b"empty")[1] == []


def test_a_file_that_is_one_hole_is_one_hole(tmp_path: Path) -> None:
    with open(tmp_path / "hole", "wb") as file:
        file.truncate(1 << 20)
    assert contents(source(tmp_path), b"hole")[1] == [1 << 20]


def test_fingerprint_changes_with_content_and_not_with_another_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    first = contents(source(tmp_path), b"a")[0].fingerprint
    again = contents(source(tmp_path), b"a")[0].fingerprint
    os.utime(tmp_path / "a", ns=(0, 0))
    touched = contents(source(tmp_path), b"a")[0].fingerprint
    assert first == again != touched
    assert first


def test_a_file_written_a_moment_ago_gets_no_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    written_ns = (tmp_path / "a").stat().st_mtime_ns
    fresh = contents(source(tmp_path, now_ns=lambda: written_ns + 1_000_000), b"a")[0]
    settled = contents(source(tmp_path, now_ns=lambda: written_ns + 30_000_000), b"a")[0]
    assert fresh.fingerprint == b""
    assert settled.fingerprint != b""


def test_whole_second_times_need_two_seconds_to_settle() -> None:
    from holdfast.backup.sources.metadata import may_hide_a_change

    assert may_hide_a_change(5 * 10**9, 6_900_000_000)
    assert not may_hide_a_change(5 * 10**9, 7_100_000_000)


def test_a_file_that_changes_while_open_says_so(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    of = source(tmp_path)
    items = of.entries(of.paths[0])
    next(items)
    item = next(items)
    assert isinstance(item, SourceEntry)
    with of.open(item) as file:
        assert not file.changed()
        with open(tmp_path / "a", "ab") as more:
            more.write(b"two")
        assert file.changed()
        assert list(file.extents()) == [Extent(3)]
        assert file.read(100) == b"one"
    items.close()  # type: ignore[attr-defined]


def test_a_file_that_shrinks_while_open_ends_early_without_a_false_hole(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb") as file:
        file.truncate(1 << 20)
        file.write(b"head")
    of = source(tmp_path)
    items = of.entries(of.paths[0])
    next(items)
    item = next(items)
    assert isinstance(item, SourceEntry)
    with of.open(item) as opened:
        runs = opened.extents()
        assert not next(runs).hole
        os.truncate(tmp_path / "a", 2)
        assert list(runs) == []
        assert opened.read(10) in (b"he", b"")
        assert opened.changed()


def test_only_the_last_item_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"")
    of = source(tmp_path)
    items = of.entries(of.paths[0])
    _, first, _ = next(items), next(items), next(items)
    assert isinstance(first, SourceEntry)
    with pytest.raises(ValueError, match="last"), of.open(first):
        pass


def test_a_file_that_vanishes_between_scan_and_open_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    of = source(tmp_path)
    for item in of.entries(of.paths[0]):
        if isinstance(item, SourceEntry) and item.path:
            (tmp_path / "a").unlink()
            with pytest.raises(SourceUnreadable, match="it vanished"), of.open(item):
                pass


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_file_swapped_for_something_else_is_not_followed(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "secret").write_bytes(b"secret")
    of = source(tmp_path)
    for item in of.entries(of.paths[0]):
        if isinstance(item, SourceEntry) and item.entry.name == b"a":
            (tmp_path / "a").unlink()
            os.mkfifo(tmp_path / "a") if kind == "pipe" else (tmp_path / "a").symlink_to("secret")
            with pytest.raises(SourceUnreadable, match=r"became a symbolic link|no longer a file"), of.open(item):
                pass


def test_a_folder_that_vanishes_after_it_was_listed_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").mkdir()
    of = source(tmp_path)
    seen: list[SourceEntry | Skipped] = []
    for item in of.entries(of.paths[0]):
        seen.append(item)
        if isinstance(item, SourceEntry) and item.entry.name == b"a":
            (tmp_path / "b").rmdir()
    assert seen[-1] == Skipped(os.fsencode(tmp_path / "b"), "it vanished")


def test_a_socket_is_skipped_as_expected(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        (only,) = skipped(source(tmp_path))
    assert only.expected
    assert "socket" in only.reason


def test_a_root_that_is_a_file_or_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"data")
    (tmp_path / "to-folder").symlink_to("folder")
    (tmp_path / "to-file").symlink_to("file")
    assert paths(source(tmp_path / "to-folder")) == [b"", b"inside"]
    assert contents(source(tmp_path / "to-file"), b"to-file")[1] == [b"data"]


def test_roots_are_absolute_sorted_and_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = os.fsencode(tmp_path)
    assert DirectorySource([b"b", b"a/../a", b"./a/"]).paths == (here + b"/a", here + b"/b")


def test_check_refuses_a_root_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="does not exist"):
        source(tmp_path, tmp_path / "nothing").check()
    with pytest.raises(SourceUnreadable, match="no source"):
        source().check()


def test_excluded_folders_are_not_entered(tmp_path: Path) -> None:
    (tmp_path / "cache" / "deep").mkdir(parents=True)
    (tmp_path / "cache" / "deep" / "keep").write_bytes(b"")
    (tmp_path / "a.tmp").write_bytes(b"")
    (tmp_path / "a.txt").write_bytes(b"")
    assert paths(source(tmp_path, exclude=Exclude([b"cache/", b"*.tmp", b"!keep"]))) == [b"", b"a.txt"]


def test_the_repository_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "repo" / "packs").mkdir(parents=True)
    status = (tmp_path / "repo").stat()
    assert paths(source(tmp_path, avoid=[(status.st_dev, status.st_ino)])) == [b""]


def test_a_mount_point_is_kept_empty_on_one_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mount").mkdir()
    (tmp_path / "mount" / "elsewhere").write_bytes(b"")
    real = list_folder

    def other_device(fd: int, keep: Keep | None, now_ns: int) -> Listing:
        listing = real(fd, keep, now_ns)
        return listing._replace(children=[(name, moved(status)) for name, status in listing.children])

    def moved(status: os.stat_result | None) -> os.stat_result:
        assert status is not None
        values = list(status)
        values[2] = status.st_dev + 1
        names = ("st_mtime_ns", "st_ctime_ns", "st_blocks", "st_rdev")
        return os.stat_result(values, {name: getattr(status, name) for name in names})

    monkeypatch.setattr(directory, "list_folder", other_device)
    assert paths(source(tmp_path, one_file_system=True)) == [b"", b"mount"]
    assert paths(source(tmp_path)) == [b"", b"mount", b"mount/elsewhere"]


def test_any_depth_is_read_with_a_bounded_number_of_descriptors(tmp_path: Path) -> None:
    most = depth = 0
    with deep_chain(tmp_path):
        before = len(os.listdir("/proc/self/fd"))
        for item in source(tmp_path).entries(os.fsencode(tmp_path)):
            assert isinstance(item, SourceEntry)
            depth = max(depth, len(item.path))
            if len(item.path) % 100 == 0:
                most = max(most, len(os.listdir("/proc/self/fd")))
    assert depth == DEPTH + 1
    assert most < before + MAX_OPEN + 10


def chain_of_folders(root: Path, names: range) -> list[Path]:
    """Make a chain of folders, each with a file `z` that is read after the folder in it; return their paths."""
    chain = [root]
    for name in names:
        chain.append(chain[-1] / str(name))
        chain[-1].mkdir()
        (chain[-1] / "z").write_bytes(b"")
    return chain


def read_while(root: Path, depth: int, act: Callable[[], object]) -> tuple[list[int], list[Skipped]]:
    """Read the chain and `act` at its bottom; return the depths whose `z` was read, and what was skipped."""
    read, missed = [], []
    for item in source(root).entries(os.fsencode(root)):
        if isinstance(item, Skipped):
            missed.append(item)
            continue
        if len(item.path) == depth and item.entry.name != b"z":
            act()
        if item.entry.name == b"z":
            read.append(len(item.path) - 1)
    return read, missed


def test_a_deep_folder_that_is_moved_while_it_is_read_costs_nothing_above_it(tmp_path: Path) -> None:
    depth = 2 * MAX_OPEN
    (tmp_path / "root").mkdir()
    chain = chain_of_folders(tmp_path / "root", range(1, depth + 1))
    before = len(os.listdir("/proc/self/fd"))
    read, missed = read_while(tmp_path / "root", depth, lambda: chain[9].rename(tmp_path / "away"))
    assert missed == []
    assert read == list(range(depth, 0, -1))
    assert len(os.listdir("/proc/self/fd")) == before


def test_deep_folders_that_cannot_be_reached_again_are_skipped_and_those_above_are_read(tmp_path: Path) -> None:
    depth = 2 * MAX_OPEN
    (tmp_path / "root").mkdir()
    chain = chain_of_folders(tmp_path / "root", range(1, depth + 1))

    def move_twice() -> None:
        chain[9].rename(tmp_path / "away")
        chain[4].rename(tmp_path / "root" / "other")

    before = len(os.listdir("/proc/self/fd"))
    read, missed = read_while(tmp_path / "root", depth, move_twice)
    assert read == [*range(depth, 8, -1), 3, 2, 1]
    assert [item.path for item in missed] == [os.fsencode(chain[at]) for at in range(8, 3, -1)]
    assert {item.reason for item in missed} == {"it was moved while it was read, and not all that is in it had been"}
    assert not any(item.expected for item in missed)
    assert len(os.listdir("/proc/self/fd")) == before


def test_extended_attributes_come_with_open_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    try:
        os.setxattr(tmp_path / "a", "user.note", b"\0\xff")
        os.setxattr(tmp_path, "user.top", b"1")
    except OSError:
        pytest.skip("this file system keeps no extended attributes")
    assert contents(source(tmp_path), b"a")[0].xattrs == ((b"user.note", b"\0\xff"),)
    root = next(iter(found(source(tmp_path))))
    assert isinstance(root, SourceEntry)
    assert root.entry.xattrs == ((b"user.top", b"1"),)
