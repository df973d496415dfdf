"""Folders are reached by descriptor, a few kept open, and no link is followed on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backup.folders import OPEN_FOLDER, OpenFolders


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/b/c", "a/b/d", "e"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def opened(tree: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The names that are opened below the root."""
    names: list[object] = []
    honest = os.open

    def counting(name: bytes, flags: int, dir_fd: int | None = None) -> int:
        if dir_fd is not None:
            names.append(name)
        return honest(name, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", counting)
    return names


@pytest.fixture(params=[1, 2, 100])
def folders(request: pytest.FixtureRequest, tree: Path) -> Iterator[OpenFolders]:
    made = OpenFolders(lambda: os.open(tree, OPEN_FOLDER), most=request.param)
    yield made
    made.close()


def test_every_folder_is_reached_however_few_stay_open(folders: OpenFolders, tree: Path) -> None:
    for path in [(b"a", b"b", b"c"), (b"e",), (), (b"a", b"b", b"d"), (b"a",), (b"a", b"b", b"c")] * 2:
        found = os.fstat(folders.reach(path))
        assert found.st_ino == (tree / os.fsdecode(b"/".join(path))).stat().st_ino


def test_a_neighbour_is_opened_from_the_folder_above(tree: Path, opened: list[object]) -> None:
    folders = OpenFolders(lambda: os.open(tree, OPEN_FOLDER), most=100)
    for path in [(b"a", b"b", b"c"), (b"a", b"b", b"d"), (b"a", b"b", b"c"), (b"a", b"b")]:
        folders.reach(path)
    folders.close()
    assert opened == [b"a", b"b", b"c", b"d"]


def test_no_more_stay_open_than_asked_for(folders: OpenFolders) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for path in [(b"a", b"b", b"c"), (b"e",), (b"a", b"b", b"d")]:
        folders.reach(path)
        assert len(os.listdir("/proc/self/fd")) - before <= folders._most  # noqa: PTH208
    folders.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_link_is_not_followed_on_the_way(folders: OpenFolders, tree: Path) -> None:
    (tree / "link").symlink_to("a")
    for path in [(b"link",), (b"link", b"b")]:
        with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
            folders.reach(path)
