"""Objects as files, beyond the contract of object stores."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup.stores import local
from holdfast.backup.stores.local import LocalObjects
from holdfast.backup.stores.os_errors import MEANING, os_errors
from holdfast.errors import HoldfastError, InvalidRequest, NotFound, StoreDenied, StoreUnavailable


def failing(number: int) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    return call


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_objects_deleted_together_are_gone_before_each_of_their_folders_is_synced_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = LocalObjects(tmp_path)
    keys = ["packs/aa/one", "packs/aa/two", "packs/bb/three"]
    for key in [*keys, "packs/bb/kept"]:
        objects.put(key, b"data")
    synced: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        local, "sync_folder", lambda folder: synced.append((folder.name, [path.name for path in folder.iterdir()]))
    )
    objects.delete_all([*keys, "packs/bb/never", "packs/cc/never"])
    assert sorted(synced) == [("aa", []), ("bb", ["kept"])]
    assert [found.key for found in objects.list("")] == ["packs/bb/kept"]


def test_a_folder_that_cannot_be_changed_is_told_when_objects_are_deleted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = LocalObjects(tmp_path)
    objects.put("packs/aa/one", b"data")
    monkeypatch.setattr(Path, "unlink", failing(errno.EACCES))
    with pytest.raises(StoreDenied, match="packs/aa/one"):
        objects.delete_all(["packs/aa/one"])


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "/a", "a\0b", "a b", "ä", ".hidden"]
)
def test_keys_that_could_leave_the_folder_are_refused(tmp_path: Path, key: str) -> None:
    objects = LocalObjects(tmp_path / "repository")
    for call in (lambda: objects.put(key, b""), lambda: objects.get(key), lambda: objects.delete(key)):
        with pytest.raises(InvalidRequest):
            call()
    with pytest.raises(InvalidRequest):
        objects.delete_all([key])
    assert files_below(tmp_path) == []


def test_objects_are_files_that_only_the_owner_reads(tmp_path: Path) -> None:
    LocalObjects(tmp_path).put("packs/aa/one", b"data")
    (path,) = files_below(tmp_path)
    assert path == tmp_path / "packs" / "aa" / "one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_no_object_is_not_listed(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    objects.put("packs/aa/one", b"data")
    (tmp_path / "packs" / "notes.txt").write_text("mine")
    (tmp_path / "tmp" / "leftover").write_text("half a pack")
    assert [found.key for found in objects.list("")] == ["packs/aa/one"]
    assert [found.key for found in objects.list("packs/")] == ["packs/aa/one"]


def test_data_is_synced_before_it_has_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ext4, XFS and btrfs may otherwise keep the name and lose the bytes."""
    events: list[str] = []
    real_fsync, real_link = os.fsync, os.link

    def fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        events.append(
            f"sync {'folder ' + str(Path(f'/proc/self/fd/{descriptor}').readlink()) if is_folder else 'data'}"
        )
        real_fsync(descriptor)

    def link(source: Any, target: Any, **options: Any) -> None:
        events.append("link")
        real_link(source, target, **options)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)
    LocalObjects(tmp_path).put("packs/aa/one", b"data")
    at = events.index("link")
    assert events[0] == "sync data"
    assert f"sync folder {tmp_path / 'packs' / 'aa'}" in events[at:]
    made = {f"sync folder {tmp_path}", f"sync folder {tmp_path / 'packs'}"}
    assert made <= set(events)


def test_a_put_that_finds_the_object_still_syncs_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever linked it may have died before it did."""
    LocalObjects(tmp_path).put("config", b"data")
    synced: list[Path] = []
    monkeypatch.setattr(local, "sync_folder", synced.append)
    assert LocalObjects(tmp_path).put("config", b"data") is False
    assert tmp_path in synced


@pytest.mark.parametrize("call", ["write", "fsync", "link"])
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StoreUnavailable),
        (errno.EDQUOT, StoreUnavailable),
        (errno.EIO, StoreUnavailable),
        (errno.EACCES, StoreDenied),
        (errno.EROFS, StoreDenied),
    ],
)
def test_a_failed_put_leaves_nothing_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, error: type[HoldfastError]
) -> None:
    objects = LocalObjects(tmp_path)
    monkeypatch.setattr(os, call, failing(number))
    with pytest.raises(error, match="cannot write packs/aa/one"):
        objects.put("packs/aa/one", b"data")
    monkeypatch.undo()
    assert files_below(tmp_path) == []
    assert objects.put("packs/aa/one", b"data") is True


def test_a_short_write_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:3]))
    LocalObjects(tmp_path).put("config", b"ten bytes.")
    monkeypatch.undo()
    assert LocalObjects(tmp_path).get("config") == b"ten bytes."


# What open, write, fsync, link, unlink, mkdir, stat and readdir may say of a healthy call, by their man pages.
OF_MAN_PAGES = """
    EACCES EDQUOT EIO EMFILE ENFILE ENOENT ENOSPC ENOTDIR EPERM EROFS EBUSY EFBIG EINTR ELOOP EMLINK ENAMETOOLONG
    ENOMEM ENXIO ETXTBSY EXDEV EOVERFLOW ENODEV ESTALE ETIMEDOUT EAGAIN EINVAL EISDIR EOPNOTSUPP
"""


@pytest.mark.parametrize("name", OF_MAN_PAGES.split())
def test_every_error_of_the_system_becomes_one_of_ours(name: str) -> None:
    number = getattr(errno, name)
    with pytest.raises(HoldfastError, match=r"^cannot write config: \S") as caught, os_errors("write config"):
        raise OSError(number, os.strerror(number))
    assert isinstance(caught.value.__cause__, OSError)
    assert "\n" not in str(caught.value)


def test_the_table_tells_what_can_be_done() -> None:
    assert {MEANING[getattr(errno, name)][0] for name in ("ENOENT", "ENOTDIR")} == {NotFound}
    assert {MEANING[getattr(errno, name)][0] for name in ("EACCES", "EPERM", "EROFS")} == {StoreDenied}
    assert all(kind is not HoldfastError for kind, _ in MEANING.values())


def test_an_object_that_vanishes_while_it_is_listed_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = LocalObjects(tmp_path)
    for name in ("a", "b"):
        objects.put(f"keys/{name}", b"x")
    scan = os.scandir

    @contextmanager
    def scandir(path: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scan(path) as entries:
            found = list(entries)
        (tmp_path / "keys" / "a").unlink(missing_ok=True)
        yield iter(found)

    monkeypatch.setattr(os, "scandir", scandir)
    assert [one.key for one in objects.list("keys/")] == ["keys/b"]


def test_what_killed_writers_left_is_removed_after_a_day_and_what_others_write_is_not(tmp_path: Path) -> None:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    for name, age_hours in (("old", 25), ("young", 23)):
        (tmp / name).write_bytes(b"half a pack")
        then = time.time() - age_hours * 3600
        os.utime(tmp / name, (then, then))
    (tmp / "strange").mkdir()
    os.utime(tmp / "strange", (0, 0))
    assert LocalObjects(tmp_path).put("key", b"data")
    assert sorted(path.name for path in tmp.iterdir()) == ["strange", "young"]
    assert LocalObjects(tmp_path).get("key") == b"data"
