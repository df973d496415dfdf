"""What can go wrong with a repository itself: one clear line, nothing acknowledged is lost, the next run repairs."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup.argon2id import PasswordCost
from holdfast.backup.ids import SnapshotId
from holdfast.backup.key_slots import PasswordKey
from holdfast.backup.ports import PackState
from holdfast.backup.prune import prune
from holdfast.backup.rebuild import rebuild_catalogue
from holdfast.backup.repository import Repository, create_repository, open_repository
from holdfast.backup.stores.local import LocalObjects
from holdfast.backup.stores.memory import MemoryCatalogue
from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue
from holdfast.backup.verify import verify
from holdfast.errors import HoldfastError, IntegrityError, StoreDenied, StoreUnavailable, WrongKey
from tests.support.backups import back_up, restored
from tests.support.chunks import forget, snapshot
from tests.support.clocks import FakeClock
from tests.support.faults import Killed, Script, scripted
from tests.support.repositories import any_repository
from tests.support.trees import File, Folder, make, picture

CHEAP = PasswordCost(memory_kib=64, passes=1, lanes=1)
TREE = Folder({b"a": File((b"a" * 50_000,)), b"d": Folder({b"b": File((b"b" * 99,))})})
HOUR = timedelta(hours=1).total_seconds()


def local(folder: Path, password: str = "right", *, create: bool = False) -> Repository:
    objects, clock = LocalObjects(folder), FakeClock(step=timedelta(microseconds=1))
    if create:
        create_repository(objects, [PasswordKey(password, cost=CHEAP)], clock=clock)
    catalogue = SqliteCatalogue(folder / "catalogue.sqlite")
    return open_repository(objects, catalogue, catalogue, [PasswordKey(password, cost=CHEAP)], clock=clock)


def close(repository: Repository) -> None:
    assert isinstance(repository.index, SqliteCatalogue)
    repository.index.close()


def with_two_users() -> tuple[Repository, SnapshotId, SnapshotId]:
    """One snapshot that was forgotten, one that stands, and something in common."""
    repository = any_repository()
    first = snapshot(repository, {"own": b"1" * 50_000, "both": b"3" * 50_000})
    second = snapshot(repository, {"own": b"2" * 50_000, "both": b"3" * 50_000}, user="bob")
    forget(repository, [first])
    return repository, first, second


def calls_of_a_prune() -> int:
    repository, _, _ = with_two_users()
    script = Script()
    prune(scripted(repository, script), owner="counting")
    return len(script.calls)


CALLS = calls_of_a_prune()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_a_prune_killed_at_any_call_loses_nothing_and_the_next_one_finishes(at: int, after: bool) -> None:
    repository, _, second = with_two_users()
    script = Script(at=at, after=after)
    with pytest.raises(Killed):
        prune(scripted(repository, script), owner="killed")
    assert script.fired
    assert verify(repository, read_data=True).damage == ()
    repository.clock.sleep(HOUR)
    prune(repository, owner="next")
    assert verify(repository, read_data=True).damage == ()
    assert [record.id for record in repository.ledger.completed()] == [second]
    assert {row.state for row in repository.index.packs()} == {PackState.LIVE}
    forget(repository, [second])
    prune(repository, owner="last")
    assert list(repository.index.packs()) == []
    assert list(repository.objects.list("")) == []


@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_a_store_that_fails_a_prune_once_loses_nothing(at: int) -> None:
    repository, _, _ = with_two_users()
    script = Script(at=at, error=lambda: StoreUnavailable("throttled"), forever=False)
    with suppress(StoreUnavailable):
        prune(scripted(repository, script), owner="unlucky")
    assert script.fired
    assert verify(repository, read_data=True).damage == ()
    repository.clock.sleep(HOUR)
    prune(repository, owner="next")
    assert verify(repository, read_data=True).damage == ()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 13))
def test_a_rebuild_killed_at_any_call_is_finished_by_the_next(at: int, after: bool) -> None:
    repository, _, _ = with_two_users()
    fresh = MemoryCatalogue()
    lost = repository._replace(index=fresh, ledger=fresh)
    script = Script(at=at, after=after)
    with pytest.raises(Killed):
        rebuild_catalogue(scripted(lost, script))
    assert script.fired
    rebuild_catalogue(lost)
    assert len(lost.ledger.completed()) == 2
    assert verify(lost, read_data=True).damage == ()


def test_a_wrong_password_changes_nothing_and_is_told_in_one_line(tmp_path: Path) -> None:
    close(local(tmp_path, create=True))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(WrongKey, match=r"^wrong password for this repository$"):
        local(tmp_path, "wrong")
    assert before.items() <= {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}.items()


def test_a_missing_catalogue_is_not_pruned_by_and_can_be_rebuilt(tmp_path: Path) -> None:
    here = tmp_path / "repository"
    here.mkdir()
    repository = local(here, create=True)
    source = make(TREE, tmp_path / "source")
    made = back_up(repository, source).snapshot
    close(repository)
    for path in here.glob("catalogue.sqlite*"):
        path.unlink()
    repository = local(here)
    with pytest.raises(IntegrityError, match="repo rebuild"):
        prune(repository, owner="test")
    assert rebuild_catalogue(repository).snapshots == 1
    assert restored(repository, made, tmp_path / "target").failed_count == 0
    assert picture(tmp_path / "target") == picture(source)
    prune(repository, owner="test")
    assert verify(repository, read_data=True).damage == ()
    close(repository)


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, StoreUnavailable), (errno.EACCES, StoreDenied), (errno.EIO, StoreUnavailable)]
)
@pytest.mark.parametrize("call", ["write", "link", "fsync"])
def test_a_disk_that_fails_at_any_write_loses_no_acknowledged_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, error: type[HoldfastError]
) -> None:
    here = tmp_path / "repository"
    here.mkdir()
    repository = local(here, create=True)
    old = make(TREE, tmp_path / "old")
    kept = back_up(repository, old, user="old").snapshot
    new = make(Folder({b"n": File((os.urandom(99_000),))}), tmp_path / "new")
    real = getattr(os, call)
    told: list[str] = []
    for healthy in range(20):
        left = healthy

        def failing(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(number, os.strerror(number))
            return real(*arguments, **options)

        monkeypatch.setattr(os, call, failing)
        try:
            back_up(repository, new, user="new")
            break
        except error as raised:
            told.append(str(raised))
        finally:
            monkeypatch.undo()
        assert verify(repository, read_data=True).damage == ()
    assert healthy > 1
    assert left >= 0
    assert all(line.startswith("cannot write ") for line in told)
    repository.clock.sleep(HOUR)
    prune(repository, owner="test")
    assert verify(repository, read_data=True).damage == ()
    assert [record.user for record in repository.ledger.completed()] == ["new", "old"]
    assert restored(repository, kept, tmp_path / "target").failed_count == 0
    assert picture(tmp_path / "target") == picture(old)
    assert not list((here / "tmp").iterdir())
    close(repository)
