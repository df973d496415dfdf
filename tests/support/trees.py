"""Trees of files: made from a description, drawn by Hypothesis, and pictured so that two can be compared."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.support.entries import names

MOMENT_NS = 1_600_000_000_123_456_789


@dataclass(frozen=True)
class File:
    """A file; `pieces` are bytes or the lengths of holes."""

    pieces: tuple[bytes | int, ...] = ()
    mode: int = 0o644
    mtime_ns: int = MOMENT_NS


@dataclass(frozen=True)
class Folder:
    children: Mapping[bytes, Any]
    mode: int = 0o755
    mtime_ns: int = MOMENT_NS


@dataclass(frozen=True)
class Link:
    target: bytes
    mtime_ns: int = MOMENT_NS


@dataclass(frozen=True)
class Fifo:
    mode: int = 0o644
    mtime_ns: int = MOMENT_NS


@dataclass(frozen=True)
class HardLink:
    """Another name of the first plain file of the same folder; an empty file where there is none."""


Tree = Folder

modes = st.integers(0, 0o7777).map(lambda mode: mode | 0o600)
moments = st.integers(0, 2**32 * 10**9)
pieces = st.lists(
    st.one_of(
        st.binary(max_size=200),
        st.integers(1, 40).map(lambda pages: pages * 4096),
        st.integers(0, 9).map(lambda seed: bytes([seed, 255 - seed]) * 30_000),
    ),
    max_size=3,
).map(tuple)
leaves = st.one_of(
    st.builds(File, pieces=pieces, mode=modes, mtime_ns=moments),
    st.builds(Link, target=st.one_of(names, st.sampled_from([b"..", b"/etc/passwd", b"../x"])), mtime_ns=moments),
    st.builds(Fifo, mode=modes, mtime_ns=moments),
    st.just(HardLink()),
)


def folders_of(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Folder]:
    return st.builds(
        Folder,
        children=st.dictionaries(names, children, max_size=4),
        mode=modes.map(lambda mode: mode | 0o700),
        mtime_ns=moments,
    )


trees: st.SearchStrategy[Folder] = folders_of(st.recursive(leaves, folders_of, max_leaves=10))


def make(tree: Folder, at: Path) -> Path:
    """Write the tree at the path, which must not exist."""
    _make_folder(tree, os.fsencode(at))
    return at


def _make_folder(tree: Folder, path: bytes) -> None:
    os.mkdir(path)  # noqa: PTH102 - names are bytes
    first: bytes | None = None
    for name, child in sorted(tree.children.items()):
        below = path + b"/" + name
        if isinstance(child, Folder):
            _make_folder(child, below)
        elif isinstance(child, HardLink) and first is not None:
            os.link(first, below)
        else:
            _make_leaf(File() if isinstance(child, HardLink) else child, below)
            first = first or (below if isinstance(child, File) else None)
    os.chmod(path, tree.mode)  # noqa: PTH101
    os.utime(path, ns=(tree.mtime_ns, tree.mtime_ns))


def _make_leaf(leaf: File | Link | Fifo, path: bytes) -> None:
    if isinstance(leaf, Link):
        os.symlink(leaf.target, path)  # noqa: PTH211
    elif isinstance(leaf, Fifo):
        os.mkfifo(path)
    else:
        with open(path, "wb") as file:
            for piece in leaf.pieces:
                file.write(piece) if isinstance(piece, bytes) else file.seek(piece, os.SEEK_CUR)
            file.truncate(sum(piece if isinstance(piece, int) else len(piece) for piece in leaf.pieces))
    if not isinstance(leaf, Link):
        os.chmod(path, leaf.mode)  # noqa: PTH101
    os.utime(path, ns=(leaf.mtime_ns, leaf.mtime_ns), follow_symlinks=False)


def picture(at: Path, *, links: bool = True) -> dict[bytes, tuple[object, ...]]:
    """Return everything a restore must give back, by path below `at`; hard links as the sorted paths of one inode."""
    root = os.fsencode(at)
    found: dict[bytes, tuple[object, ...]] = {}
    inodes: dict[int, list[bytes]] = {}
    _picture(root, b"", found, inodes)
    if links:
        for paths in inodes.values():
            for path in paths:
                found[path] = (*found[path], tuple(sorted(paths)))
    return found


def _picture(root: bytes, below: bytes, found: dict[bytes, tuple[object, ...]], inodes: dict[int, list[bytes]]) -> None:
    path = root + below
    status = os.lstat(path)
    content: object = None
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            content = file.read()
    elif stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)  # noqa: PTH115
    found[below] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, content)
    if stat.S_ISDIR(status.st_mode):
        for name in sorted(os.listdir(path)):  # noqa: PTH208
            _picture(root, below + b"/" + name, found, inodes)
    elif status.st_nlink > 1:
        inodes.setdefault(status.st_ino, []).append(below)
