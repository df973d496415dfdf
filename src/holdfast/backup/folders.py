"""Descending into folders by open file descriptor, so that no symbolic link is ever followed on the way."""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_OPEN = 48
"""Folders above the current one kept open; deeper chains are reopened through `..` and checked."""


class _Folder:
    __slots__ = ("fd", "identity", "name")

    def __init__(self, name: bytes, fd: int | None, identity: tuple[int, int]) -> None:
        self.name = name
        self.fd = fd
        self.identity = identity


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _moved() -> OSError:
    return OSError(errno.ESTALE, "a folder was moved while it was open")


class FolderStack:
    """The chain of open folders from a root to the current one; any depth costs a bounded number of descriptors."""

    def __init__(self, root_fd: int) -> None:
        """Take over `root_fd`: closing the stack closes it."""
        self._chain = [_Folder(b"", root_fd, _identity(os.fstat(root_fd)))]

    @property
    def fd(self) -> int:
        """The current folder's descriptor, open until the next `enter` or `leave`; OSError if `leave` lost the way."""
        fd = self._chain[-1].fd
        if fd is None:
            raise _moved()
        return fd

    @property
    def depth(self) -> int:
        """How many folders below the root the current one is."""
        return len(self._chain) - 1

    def enter(self, name: bytes) -> os.stat_result:
        """Make the folder `name` of the current folder current and return its status.

        Raises:
            OSError: it is not a folder (or is a link).
        """
        fd = os.open(name, OPEN_FOLDER, dir_fd=self.fd)
        status = os.fstat(fd)
        self._chain.append(_Folder(name, fd, _identity(status)))
        far = len(self._chain) - 1 - MAX_OPEN
        if far > 0:
            self._close(self._chain[far])
        return status

    def leave(self) -> None:
        """Make the folder above current again.

        Raises:
            OSError: ESTALE, that folder was moved elsewhere meanwhile. It is current and cannot be used; leave it too.
        """
        left, above = self._chain.pop(), self._chain[-1]
        try:
            if above.fd is None:
                above.fd = self._open_above(left)
        finally:
            self._close(left)

    def _open_above(self, left: _Folder) -> int:
        """Open the current folder anew: through what was left, or by the names from the root where that was moved."""
        if left.fd is not None:
            with suppress(OSError):
                return self._if_current(os.open(b"..", OPEN_FOLDER, dir_fd=left.fd))
        return self._if_current(self.open_folder(tuple(folder.name for folder in self._chain[1:])))

    def _if_current(self, fd: int) -> int:
        """Return the descriptor if it is the current folder's; close it and raise ESTALE if it is another's."""
        if _identity(os.fstat(fd)) != self._chain[-1].identity:
            os.close(fd)
            raise _moved()
        return fd

    def open_folder(self, path: tuple[bytes, ...]) -> int:
        """Return a new descriptor of the folder at `path` below the root, following no link on the way."""
        root = self._chain[0].fd
        assert root is not None  # never closed before the stack is
        fd = os.dup(root)
        for name in path:
            try:
                below = os.open(name, OPEN_FOLDER, dir_fd=fd)
            finally:
                os.close(fd)
            fd = below
        return fd

    def close(self) -> None:
        """Close every descriptor."""
        while self._chain:
            self._close(self._chain.pop())

    @staticmethod
    def _close(folder: _Folder) -> None:
        if folder.fd is not None:
            fd, folder.fd = folder.fd, None
            os.close(fd)


class LastFolder:
    """The folder reached last, kept open: files come folder by folder."""

    def __init__(self) -> None:
        self._key: object = None
        self._fd = -1

    def reach(self, key: object, open_folder: Callable[[], int]) -> int:
        """Return the descriptor that `open_folder` gave for this key, open until the next call."""
        if self._fd < 0 or self._key != key:
            self.close()
            self._fd = open_folder()
            self._key = key
        return self._fd

    def close(self) -> None:
        """Close the folder."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


class OpenFolders:
    """Folders below a root, those reached last kept open: one is opened from the nearest of them above it."""

    def __init__(self, open_root: Callable[[], int], most: int) -> None:
        self._open_root = open_root
        self._most = most
        self._fds: OrderedDict[tuple[bytes, ...], int] = OrderedDict()

    def reach(self, path: tuple[bytes, ...]) -> int:
        """Return the descriptor of the folder at `path`, which stays open until the next call; follow no link.

        Raises:
            OSError: there is no such folder.
        """
        known = len(path)
        while known >= 0 and path[:known] not in self._fds:
            known -= 1
        if known < 0:
            known = 0
            self._keep((), self._open_root())
        self._fds.move_to_end(path[:known])
        fd = self._fds[path[:known]]
        for depth in range(known, len(path)):
            fd = self._keep(path[: depth + 1], os.open(path[depth], OPEN_FOLDER, dir_fd=fd))
        return fd

    def _keep(self, path: tuple[bytes, ...], fd: int) -> int:
        self._fds[path] = fd
        if len(self._fds) > self._most:
            os.close(self._fds.popitem(last=False)[1])
        return fd

    def close(self) -> None:
        """Close them all."""
        while self._fds:
            os.close(self._fds.popitem()[1])
