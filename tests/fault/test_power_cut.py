"""A power cut: what was not synced is lost, though the system said that it was written.

The catalogue is taken to have lost nothing, which is the worst for the order of writes: whatever it says of objects
must be true of what the disk has kept. SQLite's own syncs are asserted in
tests/unit/backup/stores/test_sqlite_catalogue.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from holdfast.backup.clock import SystemClock
from holdfast.backup.pack import pack_key
from holdfast.backup.ports import PackState
from holdfast.backup.prune import prune
from holdfast.backup.stores.open import create as create_local
from holdfast.backup.verify import verify
from tests.support.backups import back_up, restored
from tests.support.faults import Killed
from tests.support.local_backup import KEY, catalogue_of, create, opened
from tests.support.repositories import noise

FILES = 5


class Disk:
    """Knows which files and names below a folder were synced; cuts the power at the `at`-th call that changes them."""

    def __init__(self, folder: Path, at: int | None) -> None:
        self.folder = folder
        self.calls = 0
        self._at = at
        self._honest = {name: getattr(os, name) for name in ("fsync", "link", "mkdir", "write", "unlink")}
        self._unsynced_names: dict[str, set[str]] = {}
        self._unsynced_files: set[int] = set()

    def _count(self) -> None:
        self.calls += 1
        if self._at is not None and self.calls >= self._at:
            raise Killed

    def _is_ours(self, path: Any) -> bool:
        return os.fsdecode(path).startswith(os.fspath(self.folder))

    def write(self, fd: int, data: Any) -> int:
        self._count()
        self._unsynced_files.add(os.fstat(fd).st_ino)
        return int(self._honest["write"](fd, data))

    def fsync(self, fd: int) -> None:
        self._count()
        self._honest["fsync"](fd)
        self._unsynced_files.discard(os.fstat(fd).st_ino)
        self._unsynced_names.pop(os.readlink(f"/proc/self/fd/{fd}"), None)  # noqa: PTH115

    def link(self, source: Any, target: Any, **options: Any) -> None:
        self._count()
        self._honest["link"](source, target, **options)
        self._named(target)

    def mkdir(self, path: Any, *arguments: Any, **options: Any) -> None:
        self._count()
        self._honest["mkdir"](path, *arguments, **options)
        if self._is_ours(path):
            self._named(path)

    def unlink(self, path: Any, **options: Any) -> None:
        self._count()
        self._honest["unlink"](path, **options)

    def _named(self, path: Any) -> None:
        folder, name = os.path.split(os.fsdecode(path))
        self._unsynced_names.setdefault(folder, set()).add(name)

    @contextmanager
    def in_use(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        with patch.context() as context:
            for name in self._honest:
                context.setattr(os, name, getattr(self, name))
            yield

    def lose(self, dice: Random, share: float) -> int:
        """Lose this share of the names that were not synced, and the bytes of files that were not; return how many."""
        lost = 0
        for folder, names in self._unsynced_names.items():
            for name in names:
                path = Path(folder, name)
                if dice.random() > share or not path.exists():
                    continue
                lost += 1
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self.folder.rglob("*"):
            if path.is_file() and path.stat().st_ino in self._unsynced_files and "catalogue" not in path.name:
                lost += 1
                os.truncate(path, dice.randrange(path.stat().st_size + 1))
        return lost


def cut_at(tmp_path: Path, patch: pytest.MonkeyPatch, at: int | None, share: float = 1.0) -> tuple[int, int]:
    """Back up twice, prune, and cut the power at a call; return how many calls there were and what was lost."""
    folder, source = tmp_path / "repository", tmp_path / "source"
    source.mkdir()
    create(folder)
    os.sync()
    disk, acknowledged = Disk(folder, at), []
    with catalogue_of(folder) as catalogue:
        repository = opened(folder, catalogue)
        with suppress(Killed), disk.in_use(patch):
            for round_ in range(2):
                for number in range(FILES):
                    (source / f"{round_}-{number}").write_bytes(noise(20_000, 10 * round_ + number))
                acknowledged.append(back_up(repository, source).snapshot)
            repository.ledger.forget(acknowledged[:1])
            acknowledged[:1] = []
            prune(repository, owner="p")
        lost = disk.lose(Random(at or 0), share)
        for row in repository.index.packs():
            if row.state is PackState.LIVE:
                assert repository.objects.size(pack_key(row.pack)) == row.size
        for number, snapshot in enumerate(acknowledged):
            assert restored(repository, snapshot, tmp_path / f"back {number}").failed_count == 0
        assert verify(repository, read_data=True).ok
    return disk.calls, lost


@pytest.mark.parametrize("part", range(4))
def test_power_cut_at_any_call_loses_nothing_that_the_catalogue_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    (tmp_path / "whole").mkdir()
    calls, _ = cut_at(tmp_path / "whole", monkeypatch, None)
    assert calls > 40
    losses = 0
    for at in range(1 + part, calls + 1, 4):
        at_call = tmp_path / f"{at}"
        at_call.mkdir()
        _, lost = cut_at(at_call, monkeypatch, at, share=Random(at).choice((0.5, 1.0)))
        losses += lost
    assert losses > 0


def test_folders_that_a_killed_writer_left_unsynced_are_synced_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, source = tmp_path / "repository", tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(noise(20_000))
    create(folder)
    disk = Disk(folder, None)
    with catalogue_of(folder) as catalogue:
        repository = opened(folder, catalogue)
        with disk.in_use(monkeypatch):
            for name in ("packs", "snapshots", *(f"packs/{number:02x}" for number in range(256))):
                (folder / name).mkdir()
            snapshot = back_up(repository, source).snapshot
        disk.lose(Random(1), 1.0)
        assert restored(repository, snapshot, tmp_path / "back").failed_count == 0
        assert verify(repository, read_data=True).ok


def test_a_new_repository_and_the_folders_above_it_are_there_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, folder = Disk(tmp_path, None), tmp_path / "above" / "more" / "repository"
    with disk.in_use(monkeypatch):
        create_local(os.fspath(folder), lambda: [KEY], clock=SystemClock())
    disk.lose(Random(1), 1.0)
    with catalogue_of(folder) as catalogue:
        assert opened(folder, catalogue).id


@pytest.mark.parametrize("kind", ["files", "folders"])
def test_a_store_that_leaves_out_a_sync_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    honest = Disk.fsync

    def leaving_out(self: Disk, fd: int) -> None:
        is_folder = os.path.isdir(f"/proc/self/fd/{fd}")  # noqa: PTH112
        if is_folder is (kind == "folders"):
            self._count()
        else:
            honest(self, fd)

    monkeypatch.setattr(Disk, "fsync", leaving_out)
    with pytest.raises(AssertionError):
        cut_at(tmp_path, monkeypatch, None)
