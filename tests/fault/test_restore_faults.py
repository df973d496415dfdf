"""A restore that dies or runs out of disk leaves no half file under a final name, and can be repeated."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from holdfast.backup.prune import prune
from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryObjects
from holdfast.errors import HoldfastError, StoreUnavailable
from tests.support.backups import back_up, restored, source_of
from tests.support.faults import Script, scripted
from tests.support.repositories import any_repository
from tests.support.trees import File, Folder, make, picture

TREE = Folder({b"%02d" % n: File((os.urandom(70_000), 8192, b"tail%d" % n)) for n in range(12)})


def whole(target: Path, source: Path) -> list[str]:
    """Return the names in the target that are final; each of them must be whole."""
    names = [path.name for path in target.iterdir() if not path.name.startswith(".holdfast-")]
    assert all((target / name).read_bytes() == (source / name).read_bytes() for name in names)
    return names


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_ends_the_restore_without_half_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    source = make(TREE, tmp_path / "source")
    repository = any_repository()
    snapshot = back_up(repository, source).snapshot
    real, written = os.pwrite, []

    def full(fd: int, data: bytes, offset: int) -> int:
        written.append(len(data))
        if sum(written) > 300_000:
            raise OSError(code, os.strerror(code))
        return real(fd, data, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(StoreUnavailable, match="target"):
            restored(repository, snapshot, tmp_path / "target")

    assert 0 < len(whole(tmp_path / "target", source)) < 12
    assert len(list((tmp_path / "target").iterdir())) == len(whole(tmp_path / "target", source))


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.support.backups import back_up, restored
from tests.support.repositories import any_repository

source, target, at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
repository = any_repository()
snapshot = back_up(repository, source).snapshot
real, calls = os.pwrite, []
def pwrite(fd, data, offset):
    calls.append(offset)
    if len(calls) == at:
        real(fd, data[: len(data) // 2], offset)
        os.kill(os.getpid(), signal.SIGKILL)
    return real(fd, data, offset)
os.pwrite = pwrite
restored(repository, snapshot, target)
"""


@pytest.mark.parametrize("at", [1, 8, 20])
def test_a_killed_restore_leaves_whole_files_only(tmp_path: Path, at: int) -> None:
    source = make(TREE, tmp_path / "source")
    target = tmp_path / "target"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(source), str(target), str(at)], cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == -signal.SIGKILL
    whole(target, source)


@pytest.mark.parametrize("at", range(1, 6))
def test_a_store_that_fails_ends_the_restore_without_half_files(tmp_path: Path, at: int) -> None:
    source = make(TREE, tmp_path / "source")
    repository = any_repository()
    snapshot = back_up(repository, source).snapshot
    script = Script(at=at, error=lambda: StoreUnavailable("the network is away"))
    with pytest.raises(StoreUnavailable):
        restored(scripted(repository, script), snapshot, tmp_path / "target")
    assert script.fired
    if (tmp_path / "target").exists():
        whole(tmp_path / "target", source)
    restored(repository, snapshot, tmp_path / "again")
    assert picture(tmp_path / "again") == picture(source)


def test_a_file_growing_and_shrinking_while_read_is_stored_as_one_state(tmp_path: Path) -> None:
    """The file is cut to nothing and written anew between two chunks; what is restored is one of its states."""
    path = tmp_path / "source" / "f"
    path.parent.mkdir()
    path.write_bytes(b"a" * 400_000)
    states = [b"a" * 400_000, b"b" * 300_000]
    repository = any_repository()
    touched: list[int] = []

    def change(_: object) -> None:
        if not touched:
            touched.append(1)
            path.write_bytes(states[1])

    from holdfast.backup.create_snapshot import create_snapshot

    summary = create_snapshot(repository, source_of(tmp_path / "source"), user="u", host="h", progress=change)
    restored(repository, summary.snapshot, tmp_path / "target")
    assert touched
    assert (tmp_path / "target" / "f").read_bytes() == states[1]
    assert summary.warnings == ()


class _Collecting(MemoryObjects):
    """Forgets and prunes everything at a given read, as another machine may."""

    def __init__(self, repository: Repository, at: int) -> None:
        super().__init__()
        assert isinstance(repository.objects, MemoryObjects)
        self.objects = repository.objects.objects
        self._repository, self._at, self._reads = repository, at, 0

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        self._reads += 1
        if self._reads == self._at:
            self._repository.ledger.forget([record.id for record in self._repository.ledger.completed()])
            for _ in range(2):
                prune(self._repository, owner="p")
        return super().get(key, start, length)


@pytest.mark.parametrize("at", range(1, 5))
def test_a_snapshot_pruned_away_while_it_is_restored_gives_whole_files_and_names_the_others(
    tmp_path: Path, at: int
) -> None:
    source, target = make(TREE, tmp_path / "source"), tmp_path / "target"
    repository = any_repository()
    snapshot = back_up(repository, source).snapshot
    failed = 12
    with suppress(HoldfastError):
        failed = restored(repository._replace(objects=_Collecting(repository, at)), snapshot, target).failed_count
    assert list(repository.index.packs()) == []
    assert len(whole(target, source) if target.exists() else []) + failed >= 12
