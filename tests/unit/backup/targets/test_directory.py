# ruff: noqa: PTH115 - names are bytes
from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.sources import SourceEntry
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.targets.directory import DirectoryTarget
from holdfast.errors import IntegrityError, InvalidRequest, StoreDenied, StoreUnavailable
from tests.support.chains import DEPTH, deep_chain

WHEN = 1_234_567_890_123_456_789
FILE = Entry(name=b"f", kind=EntryKind.FILE, mode=0o640, mtime_ns=WHEN, size=3, uid=os.getuid(), gid=os.getgid())


def entry(name: bytes = b"f", **values: Any) -> Entry:
    defaults: dict[str, Any] = {"mode": 0o644, "uid": os.getuid(), "gid": os.getgid(), "mtime_ns": WHEN}
    return Entry(name=name, **{**defaults, "kind": EntryKind.FILE, **values})


@pytest.fixture
def target(tmp_path: Path) -> Iterator[DirectoryTarget]:
    made = DirectoryTarget(os.fsencode(tmp_path / "target"))
    made.begin(None)
    yield made
    made.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_gets_bytes_mode_and_time(target: DirectoryTarget, tmp_path: Path) -> None:
    target.write((b"f",), entry(mode=0o4751, size=3), iter([b"ab", b"c"]))
    status = (tmp_path / "target" / "f").stat()
    assert (tmp_path / "target" / "f").read_bytes() == b"abc"
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o4751, WHEN)
    assert target.warnings == []


def test_holes_are_holes_again(target: DirectoryTarget, tmp_path: Path) -> None:
    target.write((b"f",), entry(size=(1 << 20) * 3 + 1), [1 << 20, b"x", 2 << 20])
    path = tmp_path / "target" / "f"
    assert path.read_bytes() == bytes(1 << 20) + b"x" + bytes(2 << 20)
    assert path.stat().st_blocks * 512 < 1 << 20


def test_a_folders_time_is_set_after_its_content(target: DirectoryTarget, tmp_path: Path) -> None:
    target.enter((b"d",))
    target.write((b"d", b"f"), FILE, iter([b"abc"]))
    target.leave((b"d",), entry(b"d", kind=EntryKind.DIRECTORY, mode=0o1750))
    status = (tmp_path / "target" / "d").stat()
    assert (status.st_mtime_ns, stat.S_IMODE(status.st_mode)) == (WHEN, 0o1750)


def test_a_folder_no_one_may_write_is_filled_first(target: DirectoryTarget, tmp_path: Path) -> None:
    target.enter((b"d",))
    target.write((b"d", b"f"), FILE, iter([b"abc"]))
    target.leave((b"d",), entry(b"d", kind=EntryKind.DIRECTORY, mode=0o500))
    assert stat.S_IMODE((tmp_path / "target" / "d").stat().st_mode) == 0o500


def test_a_dangling_link_gets_its_own_time(target: DirectoryTarget, tmp_path: Path) -> None:
    target.make((b"l",), entry(b"l", kind=EntryKind.SYMLINK, mode=0o777, target=b"nowhere/\xff"))
    path = tmp_path / "target" / "l"
    assert os.readlink(os.fsencode(path)) == b"nowhere/\xff"
    assert path.lstat().st_mtime_ns == WHEN


def test_a_fifo_is_a_fifo(target: DirectoryTarget, tmp_path: Path) -> None:
    target.make((b"p",), entry(b"p", kind=EntryKind.FIFO, mode=0o620))
    status = (tmp_path / "target" / "p").lstat()
    assert stat.S_ISFIFO(status.st_mode)
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o620, WHEN)


def test_links_share_an_inode(target: DirectoryTarget, tmp_path: Path) -> None:
    target.enter((b"d",))
    target.write((b"d", b"f"), FILE, iter([b"abc"]))
    target.leave((b"d",), None)
    assert target.link((b"g",), FILE, (b"d", b"f"))
    assert (tmp_path / "target" / "g").stat().st_ino == (tmp_path / "target" / "d" / "f").stat().st_ino
    assert names(tmp_path / "target") == ["d", "f", "g"]


def test_a_link_to_nothing_is_refused_so_that_the_file_is_written(target: DirectoryTarget, tmp_path: Path) -> None:
    assert not target.link((b"g",), FILE, (b"no", b"such"))
    assert not target.link((b"g",), FILE, (b"none",))
    assert names(tmp_path / "target") == []


def test_content_of_the_wrong_length_leaves_no_file(target: DirectoryTarget, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="2 bytes, not the 3"):
        target.write((b"f",), FILE, iter([b"ab"]))
    assert names(tmp_path / "target") == []


@pytest.mark.parametrize("error", [IntegrityError("torn"), KeyboardInterrupt(), StoreUnavailable("gone")])
def test_an_error_in_the_content_leaves_no_file(target: DirectoryTarget, tmp_path: Path, error: BaseException) -> None:
    def torn() -> Iterator[bytes]:
        yield b"a"
        assert len(names(tmp_path / "target")) == 1
        assert names(tmp_path / "target") != ["f"]
        raise error

    with pytest.raises(type(error)):
        target.write((b"f",), FILE, torn())
    assert names(tmp_path / "target") == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_full_or_broken_disk_ends_the_restore_and_leaves_no_half_file(
    target: DirectoryTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StoreUnavailable, match="target"):
        target.write((b"f",), FILE, iter([b"abc"]))
    assert names(tmp_path / "target") == []


def test_a_target_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(b"")
    with pytest.raises(InvalidRequest, match="not empty"):
        DirectoryTarget(os.fsencode(tmp_path)).begin(None)


def test_a_target_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidRequest, match="not a folder"):
            DirectoryTarget(os.fsencode(path)).begin(None)


def test_a_new_target_gets_the_roots_metadata_and_a_used_one_keeps_its_own(tmp_path: Path) -> None:
    root = entry(b"r", kind=EntryKind.DIRECTORY, mode=0o751)
    for overwrite in (False, True):
        made = DirectoryTarget(os.fsencode(tmp_path / "t"), overwrite=overwrite)
        made.begin(root)
        made.write((b"f",), FILE, iter([b"abc"]))
        made.finish()
        made.close()
        assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o751
        (tmp_path / "t").chmod(0o751 if not overwrite else 0o700)
    (tmp_path / "t").chmod(0o700)
    again = DirectoryTarget(os.fsencode(tmp_path / "t"), overwrite=True)
    again.begin(root)
    again.finish()
    again.close()
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o700


def test_overwrite_replaces_files_and_links_and_leaves_others(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"outside")
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "f").symlink_to(tmp_path / "outside")
    (tmp_path / "t" / "other").write_bytes(b"other")
    made = DirectoryTarget(os.fsencode(tmp_path / "t"), overwrite=True)
    made.begin(None)
    made.write((b"f",), FILE, iter([b"abc"]))
    made.close()
    assert (tmp_path / "outside").read_bytes() == b"outside"
    assert not (tmp_path / "t" / "f").is_symlink()
    assert (tmp_path / "t" / "f").read_bytes() == b"abc"
    assert (tmp_path / "t" / "other").read_bytes() == b"other"


def test_a_link_where_a_folder_should_be_is_never_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "d").symlink_to(tmp_path / "outside")
    made = DirectoryTarget(os.fsencode(tmp_path / "t"), overwrite=True)
    made.begin(None)
    with pytest.raises(StoreDenied, match="stands where the snapshot has a folder"):
        made.enter((b"d",))
    made.close()
    assert names(tmp_path / "outside") == []


def test_a_folder_where_a_file_should_be_is_left(tmp_path: Path) -> None:
    (tmp_path / "t" / "f").mkdir(parents=True)
    made = DirectoryTarget(os.fsencode(tmp_path / "t"), overwrite=True)
    made.begin(None)
    with pytest.raises(StoreDenied, match="a folder stands"):
        made.write((b"f",), FILE, iter([b"abc"]))
    made.close()
    assert names(tmp_path / "t") == ["f"]


def test_times_beyond_the_file_system_are_a_warning(target: DirectoryTarget, tmp_path: Path) -> None:
    target.write((b"f",), entry(size=1, mtime_ns=2**100), iter([b"a"]))
    assert (tmp_path / "target" / "f").read_bytes() == b"a"
    assert any("times" in warning for warning in target.warnings)


def test_a_hole_beyond_the_file_system_fails_that_file_alone(target: DirectoryTarget, tmp_path: Path) -> None:
    with pytest.raises(StoreDenied):
        target.write((b"f",), entry(size=2**62), iter([2**62]))
    assert names(tmp_path / "target") == []


def test_extended_attributes_outside_the_kept_ones_are_not_written(target: DirectoryTarget, tmp_path: Path) -> None:
    target.write((b"f",), entry(size=1, xattrs=((b"trusted.x", b"1"), (b"user.y", b"2"))), iter([b"a"]))
    try:
        found = os.listxattr(tmp_path / "target" / "f")
    except OSError:
        pytest.skip("this file system keeps no extended attributes")
    if not found:
        assert target.warnings
    assert "trusted.x" not in found


def test_set_id_bits_go_where_the_owner_cannot_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    made = DirectoryTarget(os.fsencode(tmp_path / "t"))
    made.begin(None)
    made.write((b"mine",), entry(b"mine", mode=0o4755), iter(()))
    made.write((b"theirs",), entry(b"theirs", mode=0o4755, uid=os.getuid() + 1), iter(()))
    made.close()
    assert stat.S_IMODE((tmp_path / "t" / "mine").stat().st_mode) == 0o4755
    assert stat.S_IMODE((tmp_path / "t" / "theirs").stat().st_mode) == 0o755
    assert len(made.warnings) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_restores_owners_by_name_or_by_number(tmp_path: Path) -> None:
    for numeric, owner in ((False, 0), (True, 4242)):
        made = DirectoryTarget(os.fsencode(tmp_path / str(owner)), numeric_owner=numeric)
        made.begin(None)
        made.write((b"f",), entry(uid=4242, gid=4242, user=b"root", group=b"no such group"), iter(()))
        made.make((b"l",), entry(b"l", kind=EntryKind.SYMLINK, target=b"x", uid=4242, gid=4242, user=b"root"))
        made.close()
        for name in ("f", "l"):
            assert (tmp_path / str(owner) / name).lstat().st_uid == owner
        assert (tmp_path / str(owner) / "f").stat().st_gid == 4242


def test_any_depth_is_restored(tmp_path: Path) -> None:
    made = DirectoryTarget(os.fsencode(tmp_path / "t"))
    made.begin(None)
    folder = entry(b"d", kind=EntryKind.DIRECTORY, mode=0o755)
    with deep_chain(tmp_path / "t", make=False):
        for level in range(DEPTH):
            made.enter((b"d",) * (level + 1))
        made.write((b"d",) * DEPTH + (b"bottom",), FILE, iter([b"abc"]))
        for level in reversed(range(DEPTH)):
            made.leave((b"d",) * (level + 1), folder)
        made.finish()
        made.close()
        below = DirectorySource([os.fsencode(tmp_path / "t")])
        found = [item for item in below.entries(below.paths[0]) if isinstance(item, SourceEntry)]
    assert (len(found), found[-1].entry.size) == (DEPTH + 2, 3)
    assert all(item.entry.mtime_ns == WHEN for item in found[1:])
