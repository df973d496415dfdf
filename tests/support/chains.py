"""Chains of folders too deep for paths and for recursion, which nothing but their maker can remove."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.backup.folders import FolderStack

DEPTH = 1500
OPEN = os.O_RDONLY | os.O_DIRECTORY


@contextmanager
def deep_chain(root: Path, *, make: bool = True) -> Iterator[None]:
    """Make `d/d/d/...` below `root` with a file `bottom` in the last; remove whatever part of it exists at the end."""
    if make:
        folders = FolderStack(os.open(root, OPEN))
        for _ in range(DEPTH):
            os.mkdir(b"d", dir_fd=folders.fd)
            folders.enter(b"d")
        os.close(os.open(b"bottom", os.O_CREAT | os.O_WRONLY, dir_fd=folders.fd))
        folders.close()
    try:
        yield
    finally:
        _remove(root)


def _remove(root: Path) -> None:
    folders = FolderStack(os.open(root, OPEN))
    while b"d" in map(os.fsencode, os.listdir(folders.fd)):  # noqa: PTH208 - a descriptor, not a path
        folders.enter(b"d")
    if "bottom" in os.listdir(folders.fd):  # noqa: PTH208
        os.unlink(b"bottom", dir_fd=folders.fd)
    while folders.depth:
        folders.leave()
        os.rmdir(b"d", dir_fd=folders.fd)
    folders.close()
