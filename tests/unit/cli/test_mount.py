"""`holdfast mount` where there is no FUSE."""

from __future__ import annotations

import errno
import importlib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from holdfast.cli import mount
from holdfast.cli.mount import fuse_library, require_folder
from holdfast.errors import InvalidRequest, StoreDenied, StoreUnavailable
from tests.support.command_line import Run


def raises(error: Exception) -> object:
    def import_module(name: str) -> ModuleType:
        raise error

    return import_module


def test_without_the_device_one_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreDenied, match=r"there is no .*fuse here"):
        fuse_library(tmp_path / "fuse")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ModuleNotFoundError("mfusepy"), InvalidRequest, r"install holdfast\[mount\]"),
        (OSError("Unable to find libfuse"), StoreDenied, "libfuse is not installed"),
    ],
)
def test_without_the_libraries_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, kind: type[Exception], text: str
) -> None:
    monkeypatch.setattr(importlib, "import_module", raises(error))
    with pytest.raises(kind, match=text):
        fuse_library(tmp_path)


def test_a_folder_that_is_not_there_is_refused(holdfast: Run) -> None:
    assert holdfast("mount", "nowhere", "--repo", "repo").status == 2


def test_a_folder_that_holds_something_is_refused_before_a_key_is_asked_for(holdfast: Run, tmp_path: Path) -> None:
    (tmp_path / "mnt").mkdir()
    (tmp_path / "mnt" / "x").touch()
    done = holdfast("mount", "mnt", "--repo", "repo")
    assert (done.status, done.err) == (2, "holdfast: 'mnt' is not empty; name an empty folder\n")


@pytest.mark.parametrize("flags", [[], ["--allow-other"]])
def test_modes_bind_others_and_not_whoever_opened_the_repository(
    holdfast: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    asked: dict[str, object] = {}

    def mounting(_view: object, folder: str, **options: object) -> None:
        asked.update(options, folder=folder)

    monkeypatch.setattr(mount, "fuse_library", lambda: SimpleNamespace(Operations=object, FUSE=mounting))
    (tmp_path / "mnt").mkdir()
    holdfast("repo", "create", "repo", "--key-file", "key")
    assert holdfast("mount", "mnt", "--repo", "repo", "--key-file", "key", *flags).status == 0
    assert (asked["folder"], asked["ro"]) == ("mnt", True)
    assert asked["allow_other"] == asked["default_permissions"] == bool(flags)


def test_a_folder_left_mounted_by_a_killed_process_is_told_with_the_way_out(tmp_path: Path) -> None:
    def look(folder: Path) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    with pytest.raises(StoreUnavailable, match="run `fusermount -u"):
        require_folder(tmp_path, look)
