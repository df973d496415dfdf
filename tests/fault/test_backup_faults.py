"""A backup that dies or fails at any call of any port loses no acknowledged snapshot and can simply be repeated."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.backup.ports import Status
from holdfast.backup.prune import prune
from holdfast.backup.repository import Repository
from holdfast.backup.verify import verify
from holdfast.errors import StoreUnavailable
from tests.support.backups import back_up, restored
from tests.support.faults import Killed, Script, scripted
from tests.support.repositories import any_repository
from tests.support.trees import File, Folder, Link, make, picture

OLD = Folder({b"kept": File((b"k" * 50_000,)), b"gone": File((b"g",)), b"d": Folder({b"same": File((b"s" * 99,))})})
NEW = Folder(
    {
        b"kept": File((b"k" * 50_000, b"more")),
        b"new": File((os.urandom(100_000),)),
        b"d": Folder({b"same": File((b"s" * 99,)), b"l": Link(b"x")}),
    }
)


def all_whole(repository: Repository, here: Path, expected: dict[str, dict[bytes, tuple[object, ...]]]) -> None:
    """Every acknowledged snapshot restores to the very tree it was made of, and verify agrees."""
    assert verify(repository, read_data=True).damage == ()
    for record in repository.ledger.completed():
        target = here / f"whole-{len(list(here.iterdir()))}"
        assert restored(repository, record.id, target).failed_count == 0
        assert picture(target) == expected[record.user]


def calls_of_a_backup() -> int:
    with tempfile.TemporaryDirectory() as folder:
        script = Script()
        repository = any_repository()
        back_up(repository, make(OLD, Path(folder) / "old"))
        back_up(scripted(repository, script), make(NEW, Path(folder) / "new"))
        return len(script.calls)


CALLS = calls_of_a_backup()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_killed_at_any_call_keeps_every_acknowledged_snapshot(tmp_path: Path, at: int, after: bool) -> None:
    repository = any_repository()
    old, new = make(OLD, tmp_path / "old"), make(NEW, tmp_path / "new")
    pictures = {"old": picture(old), "new": picture(new)}
    back_up(repository, old, user="old")
    script = Script(at=at, after=after)

    with pytest.raises(Killed):
        back_up(scripted(repository, script), new, user="new")

    assert script.fired
    all_whole(repository, tmp_path, pictures)
    repository.clock.sleep(timedelta(hours=1).total_seconds())
    back_up(repository, new, user="new")
    prune(repository, owner="test")
    all_whole(repository, tmp_path, pictures)
    assert repository.ledger.active() == []


@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_a_store_that_fails_once_costs_at_most_one_attempt(tmp_path: Path, at: int) -> None:
    repository = any_repository()
    new = make(NEW, tmp_path / "new")
    pictures = {"new": picture(new)}
    script = Script(at=at, error=lambda: StoreUnavailable("throttled"), forever=False)

    with suppress(StoreUnavailable):
        back_up(scripted(repository, script), new, user="new")

    assert script.fired
    all_whole(repository, tmp_path, pictures)
    assert repository.ledger.active() == [] or script.calls[at - 1] in ("begin", "finish")
    back_up(repository, new, user="new")
    all_whole(repository, tmp_path, pictures)
    assert repository.ledger.completed()


def test_a_failed_session_says_what_failed(tmp_path: Path) -> None:
    repository = any_repository()
    script = Script(at=1, only="put", error=lambda: StoreUnavailable("the bucket is away"), forever=False)
    with pytest.raises(StoreUnavailable):
        back_up(scripted(repository, script), make(NEW, tmp_path / "new"))
    assert script.fired
    assert repository.ledger.active() == []
    (record,) = repository.ledger.ended()
    assert (record.status, record.figures["reason"]) == (Status.FAILED, "StoreUnavailable")


@contextmanager
def open_to_all() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        here.chmod(0o755)
        yield here


@contextmanager
def without_privileges() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read_is_skipped_and_told(tmp_path: Path) -> None:
    with open_to_all() as here:
        tree = Folder({b"open": File((b"o",)), b"closed": File((b"c",)), b"locked": Folder({b"in": File()})})
        source = make(tree, here / "source")
        (source / "closed").chmod(0)
        (source / "locked").chmod(0)
        repository = any_repository()
        with without_privileges():
            summary = back_up(repository, source)
        (source / "locked").chmod(0o755)

        assert [(skipped.path, skipped.reason) for skipped in summary.skipped] == [
            (os.fsencode(source / name), "permission denied") for name in ("closed", "locked")
        ]
        restored(repository, summary.snapshot, tmp_path / "target")
        assert sorted(path.name for path in (tmp_path / "target").rglob("*")) == ["locked", "open"]
