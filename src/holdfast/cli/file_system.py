"""What a kernel asks of a file system, answered from a repository: every answer a value or an `OSError`."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from holdfast.errors import HoldfastError, InvalidRequest, NotFound

if TYPE_CHECKING:
    from holdfast.backup.browse import Browser

BLOCK_BYTES = 512
MOST_TOLD = 1000


class FileSystem:
    """The read-only operations of FUSE over a `Browser`, in the names and types of the mfusepy library.

    Paths are text as `os.fsdecode` gives it, so that any bytes come through. Times are nanoseconds.
    """

    use_ns = True

    def __init__(
        self,
        browser: Browser,
        *,
        uid: int,
        gid: int,
        on_mounted: Callable[[], None] = lambda: None,
        on_failure: Callable[[str, HoldfastError], None] = lambda _path, _error: None,
    ) -> None:
        """`uid` and `gid` own what no snapshot holds itself; `on_mounted` is called once it can be used.

        `on_failure` is told, once a path, why something cannot be read: the kernel passes on a number only.
        """
        self._browser = browser
        self._owner = (uid, gid)
        self._on_mounted = on_mounted
        self._on_failure = on_failure
        self._told: set[str] = set()

    def init(self, path: str) -> None:
        """The kernel has mounted it."""
        self._on_mounted()

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """Return the attributes of what is at `path`."""
        with self._answering(path):
            node = self._browser.look(os.fsencode(path))
        entry = node.entry
        uid, gid = self._owner if node.children is not None else (entry.uid, entry.gid)
        return {
            "st_mode": node.mode,
            "st_nlink": 1,
            "st_size": len(entry.target) or entry.size,
            "st_blocks": -(-entry.size // BLOCK_BYTES),
            "st_uid": uid,
            "st_gid": gid,
            "st_rdev": entry.device,
            "st_mtime": entry.mtime_ns,
            "st_atime": entry.mtime_ns,
            "st_ctime": entry.mtime_ns,
        }

    def readdir(self, path: str, fh: int) -> list[str]:
        """Return the names in a folder."""
        with self._answering(path):
            names = list(self._browser.names(self._browser.look(os.fsencode(path))))
        return [".", "..", *(os.fsdecode(name) for name in names)]

    def readlink(self, path: str) -> str:
        """Return where a symbolic link leads."""
        with self._answering(path):
            target = self._browser.look(os.fsencode(path)).entry.target
        if not target:
            raise OSError(errno.EINVAL, "not a symbolic link")
        return os.fsdecode(target)

    def open(self, path: str, flags: int) -> int:
        """Open for reading."""
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "snapshots are not changed")
        with self._answering(path):
            self._browser.look(os.fsencode(path))
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Return bytes of a file."""
        with self._answering(path):
            return self._browser.read(self._browser.look(os.fsencode(path)), offset, size)

    def listxattr(self, path: str) -> list[str]:
        """Return the names of the extended attributes."""
        with self._answering(path):
            return [os.fsdecode(name) for name, _ in self._browser.look(os.fsencode(path)).entry.xattrs]

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        """Return the value of an extended attribute."""
        with self._answering(path):
            xattrs = dict(self._browser.look(os.fsencode(path)).entry.xattrs)
        if os.fsencode(name) not in xattrs:
            raise OSError(errno.ENODATA, "no such attribute")
        return xattrs[os.fsencode(name)]

    def statfs(self, path: str) -> dict[str, int]:
        """Return sizes: there is no room."""
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 0, "f_bfree": 0, "f_bavail": 0, "f_namemax": 255}

    @contextmanager
    def _answering(self, path: str) -> Iterator[None]:
        """Turn what may be asked and refused into the kernel's errors; what is damaged is told as well, once a path."""
        try:
            yield
        except NotFound as error:
            raise OSError(errno.ENOENT, str(error)) from error
        except InvalidRequest as error:
            raise OSError(errno.ENOTDIR, str(error)) from error
        except HoldfastError as error:
            if path not in self._told and len(self._told) < MOST_TOLD:
                self._told.add(path)
                self._on_failure(path, error)
            raise OSError(errno.EIO, str(error)) from error
