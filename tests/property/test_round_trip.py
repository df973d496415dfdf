"""Laws of backup and restore on whole trees."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.backup import restore as restoring
from holdfast.backup import restore_apart, restore_parts
from holdfast.backup.restore import restore
from holdfast.backup.targets.directory import DirectoryTarget
from tests.support.backups import back_up, restored
from tests.support.repositories import any_repository
from tests.support.trees import File, Folder, make, picture, trees


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one example: a fixture would be shared by all of them."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@settings(max_examples=60)
@given(tree=trees)
def test_a_restored_tree_is_the_tree(tree: Folder) -> None:
    with scratch() as here:
        repository = any_repository()
        source = make(tree, here / "source")
        before = picture(source)

        summary = back_up(repository, source)
        outcome = restored(repository, summary.snapshot, here / "target")

        assert (summary.skipped, outcome.failed, list(outcome.warnings)) == ((), [], [])
        assert picture(here / "target") == before == picture(source)


@settings(max_examples=60)
@given(old=trees, new=trees)
def test_an_incremental_snapshot_is_the_full_one(old: Folder, new: Folder) -> None:
    with scratch() as here:
        repository = any_repository()
        source = make(old, here / "source")
        first = back_up(repository, source)
        _become(source, new, here)

        second = back_up(repository, source)
        restored(repository, second.snapshot, here / "incremental")
        full = any_repository()
        restored(full, back_up(full, source).snapshot, here / "full")
        restored(repository, first.snapshot, here / "first")

        assert picture(here / "incremental") == picture(here / "full") == picture(source)
        assert picture(here / "first") == picture(make(old, here / "again"))


@settings(max_examples=30)
@given(tree=trees)
def test_an_unchanged_tree_is_not_read_and_adds_nothing(tree: Folder) -> None:
    with scratch() as here:
        repository = any_repository()
        source = make(tree, here / "source")
        first = back_up(repository, source)
        second = back_up(repository, source)

        assert (second.bytes_read, second.bytes_added) == (0, 0)
        assert second.files_unchanged == second.files == first.files


def _become(source: Path, tree: Folder, here: Path) -> None:
    """Replace what is in the folder."""
    fresh = make(tree, here / "fresh")
    shutil.rmtree(source)
    fresh.rename(source)


@settings(max_examples=15)
@given(
    pieces=st.lists(
        st.one_of(
            st.integers(1, 200).map(lambda pages: pages * 4096),
            st.tuples(st.integers(0, 3), st.integers(1, 600_000)).map(
                lambda drawn: Random(drawn[0]).randbytes(drawn[1])
            ),
        ),
        max_size=6,
    ).map(tuple)
)
def test_a_file_whose_parts_are_restored_apart_is_the_file_with_its_holes(pieces: tuple[bytes | int, ...]) -> None:
    with scratch() as here, pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring, "APART_BYTES", -1)
        patch.setattr(restore_apart, "LARGE_BYTES", -1)
        patch.setattr(restore_parts, "PART_BYTES", 300_000)
        repository = any_repository()
        source = make(Folder({b"large": File(pieces), b"beside": File((b"small",))}), here / "source")
        snapshot = back_up(repository, source).snapshot
        target = DirectoryTarget(os.fsencode(here / "target"))

        outcome = restore(repository, snapshot, target, jobs=2)

        assert outcome.failed == []
        assert picture(here / "target") == picture(source)
        held = [(here / name / "large").stat().st_blocks for name in ("target", "source")]
        assert held[0] <= held[1]
