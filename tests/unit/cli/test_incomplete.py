"""What a backup could not take is named on stderr, the exit status is 1 and the snapshot says that it is incomplete."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup import store_apart
from holdfast.backup.sources.listing import list_folder
from holdfast.backup.sources.open_file import OpenedFile
from tests.support.command_line import Outcome, Run
from tests.support.repositories import noise

Trouble = Callable[[pytest.MonkeyPatch, Path], None]


@pytest.fixture(params=["in this process", "in workers"])
def backed_up(
    holdfast: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[..., Outcome]:
    """Back up a source that is in trouble; the others of its files are then restored and compared."""
    if request.param == "in workers":
        monkeypatch.setattr(store_apart, "APART_BYTES", 0)
    source = tmp_path / "source"
    (source / "folder").mkdir(parents=True)
    for name in ("bad", "good", "folder/below"):
        (source / name).write_bytes(noise(300_000, len(name)))
    assert holdfast("repo", "create", "repo").status == 0

    def back_up(trouble: Trouble, *options: str) -> Outcome:
        with monkeypatch.context() as patch:
            trouble(patch, source)
            done = holdfast("backup", "source", "--repo", "repo", "--jobs", "2", *options)
        assert holdfast("restore", "latest", "--target", "back", "--repo", "repo").status == 0
        assert (tmp_path / "back" / "good").read_bytes() == (source / "good").read_bytes()
        assert holdfast("verify", "--repo", "repo", "--read-data").status == 0
        return done

    return back_up


def refuse(name: bytes, code: int) -> Trouble:
    """Let the system refuse to open a file or folder."""

    def trouble(patch: pytest.MonkeyPatch, source: Path) -> None:
        honest = os.open

        def refusing(path: Any, *arguments: Any, **options: Any) -> int:
            if path == name:
                raise OSError(code, os.strerror(code))
            return honest(path, *arguments, **options)

        patch.setattr(os, "open", refusing)

    return trouble


def break_half_way(patch: pytest.MonkeyPatch, source: Path) -> None:
    honest, bad = os.pread, (source / "bad").stat().st_ino

    def breaking(fd: int, length: int, offset: int) -> bytes:
        if os.fstat(fd).st_ino == bad:
            if offset > 0:
                raise OSError(errno.EIO, "Input/output error")
            length = min(length, 100_000)
        return honest(fd, length, offset)

    patch.setattr(os, "pread", breaking)


def refuse_listing(patch: pytest.MonkeyPatch, source: Path) -> None:
    honest, bad = list_folder, (source / "folder").stat().st_ino

    def refusing(fd: int, *arguments: Any) -> Any:
        if os.fstat(fd).st_ino == bad:
            raise OSError(errno.EIO, "Input/output error")
        return honest(fd, *arguments)

    patch.setattr("holdfast.backup.sources.directory.list_folder", refusing)


def vanish(name: str) -> Trouble:
    """Remove a file or folder once the backup, not who looks ahead of it, has listed the source's folder."""

    def trouble(patch: pytest.MonkeyPatch, source: Path) -> None:
        honest, backup = list_folder, os.getpid()

        def vanishing(*arguments: Any) -> Any:
            found = honest(*arguments)
            path = source / name
            if os.getpid() != backup:
                pass
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            return found

        patch.setattr("holdfast.backup.sources.directory.list_folder", vanishing)

    return trouble


INCOMPLETE = [
    pytest.param(refuse(b"bad", errno.EACCES), "source/bad", "permission denied", id="file denied"),
    pytest.param(refuse(b"bad", errno.EIO), "source/bad", "input/output error", id="file unreadable"),
    pytest.param(refuse(b"bad", errno.ESTALE), "source/bad", "it vanished", id="file stale"),
    pytest.param(vanish("bad"), "source/bad", "it vanished", id="file vanished"),
    pytest.param(break_half_way, "source/bad", "input/output error", id="file broken half-way"),
    pytest.param(refuse(b"folder", errno.EACCES), "source/folder", "permission denied", id="folder denied"),
    pytest.param(refuse_listing, "source/folder", "input/output error", id="folder not listed"),
    pytest.param(vanish("folder"), "source/folder", "it vanished", id="folder vanished"),
]


@pytest.mark.parametrize(("trouble", "path", "reason"), INCOMPLETE)
def test_what_cannot_be_read_is_named_and_the_snapshot_incomplete(
    holdfast: Run, tmp_path: Path, backed_up: Callable[..., Outcome], trouble: Trouble, path: str, reason: str
) -> None:
    done = backed_up(trouble)
    assert done.status == 1
    assert done.err.splitlines() == [f"skipped: {tmp_path / path}: {reason}"]
    assert done.out.startswith("snapshot ")
    assert " (incomplete): " in done.out
    assert "(incomplete)" in holdfast("snapshots", "--repo", "repo").out
    (listed,) = holdfast("snapshots", "--repo", "repo", "--output", "json").json
    assert listed["complete"] is False


def test_what_is_skipped_is_told_by_quiet_and_by_events_too(backed_up: Callable[..., Outcome], tmp_path: Path) -> None:
    trouble = refuse(b"bad", errno.EACCES)
    quiet = backed_up(trouble, "--quiet")
    assert (quiet.status, quiet.err) == (1, f"skipped: {tmp_path}/source/bad: permission denied\n")
    shutil.rmtree(tmp_path / "back")
    told = backed_up(trouble, "--output", "events", "--reread")
    events = [json.loads(line) for line in told.out.splitlines()]
    assert {"event": "skipped", "path": f"{tmp_path}/source/bad", "reason": "permission denied"} in events
    assert (told.status, events[-1]["event"], events[-1]["complete"]) == (1, "summary", False)


def test_a_file_that_keeps_changing_is_a_warning_and_the_snapshot_complete(
    holdfast: Run, tmp_path: Path, backed_up: Callable[..., Outcome]
) -> None:
    def change(patch: pytest.MonkeyPatch, source: Path) -> None:
        honest, bad = OpenedFile.changed, (source / "bad").stat().st_size
        patch.setattr(OpenedFile, "changed", lambda self: self.entry.name == b"bad" or honest(self))
        assert bad

    done = backed_up(change)
    assert done.status == 0
    assert done.err.splitlines() == [
        f"warning: '{tmp_path}/source/bad': it changed while it was read; stored as read",
    ]
    assert "(incomplete)" not in holdfast("snapshots", "--repo", "repo").out


def test_the_next_backup_that_finds_everything_is_complete_again(
    holdfast: Run, tmp_path: Path, backed_up: Callable[..., Outcome]
) -> None:
    assert backed_up(refuse(b"bad", errno.EACCES)).status == 1
    assert holdfast("backup", "source", "--repo", "repo").status == 0
    shutil.rmtree(tmp_path / "back")
    holdfast("restore", "latest", "--target", "back", "--repo", "repo")
    assert (tmp_path / "back" / "bad").read_bytes() == (tmp_path / "source" / "bad").read_bytes()
