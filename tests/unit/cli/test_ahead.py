"""What a first backup has before it, counted meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.sources.exclude import Exclude
from holdfast.cli.ahead import Ahead, Counting, count, counting
from tests.support.patience import eventually
from tests.support.trees import File, Folder, Link, make

TREE = Folder(
    {
        b"a": File((b"12345",)),
        b"left.out": File((b"x" * 99,)),
        b"link": Link(b"a"),
        b"sub": Folder({b"b": File((b"123",)), b"c": File()}),
    }
)


@pytest.fixture
def source(tmp_path: Path) -> DirectorySource:
    make(TREE, tmp_path / "source")
    return DirectorySource([os.fsencode(tmp_path / "source")], exclude=Exclude([b"*.out"]))


def awaited(ahead: Counting) -> Ahead:
    return eventually(ahead.result, pause=0.01)


def test_files_and_bytes_are_counted_as_a_backup_would_meet_them(source: DirectorySource) -> None:
    assert count(source) == Ahead(files=3, size=8)


def test_they_are_counted_by_another_process_which_ends_with_the_block(source: DirectorySource) -> None:
    with counting(source) as ahead:
        assert ahead is not None
        assert awaited(ahead) == Ahead(files=3, size=8)
        assert ahead.result() == Ahead(files=3, size=8)
    with pytest.raises(ProcessLookupError):
        os.kill(ahead.child.pid, 0)


def test_a_count_that_fails_leaves_the_time_left_untold(
    source: DirectorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_source: object) -> Ahead:
        raise MemoryError

    monkeypatch.setattr("holdfast.cli.ahead.count", fail)
    with counting(source) as ahead:
        assert ahead is not None
        assert os.waitid(os.P_PID, ahead.child.pid, os.WEXITED | os.WNOWAIT) is not None
        assert ahead.result() is None
