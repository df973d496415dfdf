"""A catalogue that is older than the repository: brought back from a copy, or from a disk image of last week."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from holdfast.backup.ids import SnapshotId
from holdfast.backup.prune import prune
from holdfast.backup.rebuild import rebuild_catalogue
from holdfast.backup.repository import Repository
from holdfast.backup.verify import verify
from holdfast.errors import IntegrityError
from tests.support.backups import back_up, restored
from tests.support.local_backup import catalogue_of, create, opened
from tests.support.repositories import noise

CATALOGUE = ("catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm")


def grow(folder: Path, source: Path, number: int) -> SnapshotId:
    (source / f"{number}").write_bytes(noise(50_000, number))
    with catalogue_of(folder) as catalogue:
        return back_up(opened(folder, catalogue), source).snapshot


def copy(folder: Path, to: Path) -> None:
    to.mkdir(exist_ok=True)
    for name in CATALOGUE:
        (to / name).unlink(missing_ok=True)
        if (folder / name).exists():
            shutil.copy(folder / name, to / name)


def names(repository: Repository, snapshot: SnapshotId, target: Path) -> set[str]:
    assert restored(repository, snapshot, target).failed_count == 0
    return {path.name for path in target.iterdir()}


@pytest.fixture
def aged(tmp_path: Path) -> tuple[Path, list[SnapshotId]]:
    """A repository of three snapshots with the catalogue it had after the first."""
    folder, source = tmp_path / "repository", tmp_path / "source"
    source.mkdir()
    create(folder)
    made = [grow(folder, source, 1)]
    copy(folder, tmp_path / "copy")
    made += [grow(folder, source, number) for number in (2, 3)]
    copy(tmp_path / "copy", folder)
    return folder, made


def test_an_older_catalogue_prunes_nothing_and_is_brought_up_to_date(
    tmp_path: Path, aged: tuple[Path, list[SnapshotId]]
) -> None:
    folder, made = aged
    with catalogue_of(folder) as catalogue:
        repository = opened(folder, catalogue)
        assert len(repository.ledger.completed()) == 1
        before = {one.key for one in repository.objects.list("")}
        with pytest.raises(IntegrityError, match="repo rebuild"):
            prune(repository, owner="p")
        assert {one.key for one in repository.objects.list("")} == before
        rebuild_catalogue(repository)
        assert {record.id for record in repository.ledger.completed()} == set(made)
        prune(repository, owner="p")
        assert verify(repository, read_data=True).ok
        for number, snapshot in enumerate(made, 1):
            assert names(repository, snapshot, tmp_path / f"{number}") == {str(n) for n in range(1, number + 1)}


def test_a_backup_with_an_older_catalogue_is_whole(tmp_path: Path, aged: tuple[Path, list[SnapshotId]]) -> None:
    folder, made = aged
    fourth = grow(folder, tmp_path / "source", 4)
    with catalogue_of(folder) as catalogue:
        repository = opened(folder, catalogue)
        assert names(repository, fourth, tmp_path / "fourth") == {"1", "2", "3", "4"}
        rebuild_catalogue(repository)
        assert {record.id for record in repository.ledger.completed()} == {*made, fourth}
        assert verify(repository, read_data=True).ok
