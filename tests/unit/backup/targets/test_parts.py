"""A file that several processes write is whole under its name, or not there; nothing put in its place is written to."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.targets.directory import DirectoryTarget
from holdfast.errors import StoreDenied, StoreUnavailable

WHEN = 1_234_567_890_123_456_789
FILE = Entry(name=b"f", kind=EntryKind.FILE, mode=0o640, mtime_ns=WHEN, size=300_000, uid=os.getuid(), gid=os.getgid())
PATH = (b"d", b"f")


@pytest.fixture
def target(tmp_path: Path) -> Iterator[DirectoryTarget]:
    made = DirectoryTarget(os.fsencode(tmp_path / "target"))
    made.begin(None)
    made.enter((b"d",))
    made.leave((b"d",), None)
    yield made
    made.close()


@pytest.fixture
def folder(target: DirectoryTarget, tmp_path: Path) -> Path:
    return tmp_path / "target" / "d"


def test_parts_in_any_order_are_the_file_and_the_rest_is_a_hole(target: DirectoryTarget, folder: Path) -> None:
    file = target.begin_parts(PATH, FILE)
    for offset, data in ((200_000, b"late"), (0, b"early")):
        target.apart().write_part(file.unfinished, offset, data)
    assert [path.name for path in folder.iterdir()] == [os.fsdecode(file.unfinished.name)]
    file.finish(FILE.size)
    file.close()
    status = (folder / "f").stat()
    assert (folder / "f").read_bytes() == b"early" + bytes(199_995) + b"late" + bytes(99_996)
    assert (status.st_mode & 0o7777, status.st_mtime_ns) == (0o640, WHEN)
    assert status.st_blocks * 512 < FILE.size
    assert [path.name for path in folder.iterdir()] == ["f"]


def test_what_is_not_finished_is_removed(target: DirectoryTarget, folder: Path) -> None:
    file = target.begin_parts(PATH, FILE)
    target.apart().write_part(file.unfinished, 0, b"half")
    file.close()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("other", ["link", "hard link", "file", "fifo", "nothing"])
def test_what_was_put_in_its_place_is_not_written_to(
    target: DirectoryTarget, folder: Path, tmp_path: Path, other: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"outside")
    file = target.begin_parts(PATH, FILE)
    place = folder / os.fsdecode(file.unfinished.name)
    place.unlink()
    if other == "link":
        place.symlink_to(outside)
    elif other == "hard link":
        place.hardlink_to(outside)
    elif other == "file":
        place.write_bytes(b"outside")
    elif other == "fifo":
        os.mkfifo(place)
    with pytest.raises(StoreDenied):
        target.apart().write_part(file.unfinished, 0, b"data")
    file.close()
    assert outside.read_bytes() == b"outside"
    assert list(folder.iterdir()) == []


def test_a_folder_that_became_a_link_is_not_written_through(
    target: DirectoryTarget, folder: Path, tmp_path: Path
) -> None:
    file = target.begin_parts(PATH, FILE)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreDenied, match="stands where the snapshot has a folder"):
        target.apart().write_part(file.unfinished, 0, b"data")
    file.close()
    with pytest.raises(StoreDenied, match="stands where the snapshot has a folder"):
        target.begin_parts(PATH, FILE)


def test_a_full_disk_ends_the_restore_and_leaves_no_half_file(
    target: DirectoryTarget, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = target.begin_parts(PATH, FILE)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        target.apart().write_part(file.unfinished, 0, b"data")
    file.close()
    assert list(folder.iterdir()) == []


def test_a_size_beyond_the_file_system_fails_that_file_alone(target: DirectoryTarget, folder: Path) -> None:
    file = target.begin_parts(PATH, FILE)
    with pytest.raises(StoreDenied):
        file.finish(2**63)
    file.close()
    assert list(folder.iterdir()) == []
