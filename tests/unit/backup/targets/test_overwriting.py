"""Restoring over what is there: names change hands, and nothing outside the target is touched."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from holdfast.backup.restore import restore
from holdfast.backup.targets.directory import DirectoryTarget
from tests.support.backups import back_up
from tests.support.repositories import any_repository, noise
from tests.support.trees import Fifo, File, Folder, HardLink, Link, make, picture

TREE = Folder(
    {
        b"a file": File((noise(50_000),)),
        b"sparse": File((b"head" * 1024, 40 * 4096, b"tail")),
        b"empty": File(),
        b"folder": Folder({b"below": File((b"below",))}),
        b"link": Link(b"a file"),
        b"pipe": Fifo(),
        b"twin": HardLink(),
    }
)


def restore_over(source: Path, target: Path) -> list[str]:
    repository = any_repository()
    snapshot = back_up(repository, source).snapshot
    summary = restore(repository, snapshot, DirectoryTarget(os.fsencode(target), overwrite=True))
    return [os.fsdecode(failed.path) for failed in summary.failed]


def below(folder: Path) -> dict[bytes, tuple[object, ...]]:
    """Picture what is in a folder; a target that was there before keeps its own mode and times."""
    return {path: look for path, look in picture(folder).items() if path}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make(TREE, tmp_path / "source")


def test_restoring_twice_gives_the_same(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    assert restore_over(source, target) == []
    once = below(target)
    assert once == below(source)
    assert restore_over(source, target) == []
    assert below(target) == once


def test_a_hole_is_no_old_data(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "sparse").write_bytes(b"old data" * 100_000)
    assert restore_over(source, target) == []
    assert (target / "sparse").read_bytes() == (source / "sparse").read_bytes()


def test_another_name_of_a_file_that_is_replaced_keeps_its_bytes(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "outside").write_bytes(b"outside")
    os.link(tmp_path / "outside", target / "a file")
    assert restore_over(source, target) == []
    assert (tmp_path / "outside").read_bytes() == b"outside"
    assert (target / "a file").read_bytes() == (source / "a file").read_bytes()


def test_links_pipes_and_read_only_files_give_way(tmp_path: Path, source: Path) -> None:
    target, outside = tmp_path / "target", tmp_path / "outside"
    target.mkdir()
    outside.write_bytes(b"outside")
    os.mkfifo(target / "a file")
    (target / "empty").symlink_to(outside)
    (target / "link").write_bytes(b"a file where a link goes")
    (target / "pipe").symlink_to("nowhere")
    (target / "sparse").write_bytes(b"read only")
    (target / "sparse").chmod(0o400)
    assert restore_over(source, target) == []
    assert outside.read_bytes() == b"outside"
    for name in ("a file", "sparse", "empty"):
        assert (target / name).read_bytes() == (source / name).read_bytes()
        assert not (target / name).is_symlink()
    assert os.fspath((target / "link").readlink()) == "a file"
    assert stat.S_ISFIFO((target / "pipe").lstat().st_mode)


def test_a_folder_in_a_files_place_and_a_link_in_a_folders_are_named_and_left(tmp_path: Path, source: Path) -> None:
    target, outside = tmp_path / "target", tmp_path / "outside"
    (target / "empty").mkdir(parents=True)
    (target / "empty" / "mine").write_bytes(b"mine")
    outside.mkdir()
    (target / "folder").symlink_to(outside)
    failed = restore_over(source, target)
    assert sorted(path.rsplit("/", 1)[-1] for path in failed) == ["empty", "folder"]
    assert (target / "empty" / "mine").read_bytes() == b"mine"
    assert list(outside.iterdir()) == []
    assert (target / "a file").read_bytes() == (source / "a file").read_bytes()


def test_names_of_one_file_are_one_file_again_over_separate_files(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    for name in ("a file", "twin"):
        (target / name).write_bytes(b"separate")
    assert restore_over(source, target) == []
    assert (target / "twin").stat().st_ino == (target / "a file").stat().st_ino
    assert (target / "twin").read_bytes() == (source / "a file").read_bytes()
