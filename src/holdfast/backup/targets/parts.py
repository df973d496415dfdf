"""A file below an open folder that several processes write at once: whole before it has its name, or not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from holdfast.backup.entry import Path
from holdfast.backup.targets import Unfinished
from holdfast.backup.targets.os_errors import TargetErrors
from holdfast.errors import StoreDenied

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
OLD_FILE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A fifo put in the file's place is refused, not waited for."""


def partial_name() -> bytes:
    """Return a name for what is not whole yet, which nobody else chooses."""
    return b".holdfast-" + os.urandom(8).hex().encode() + b".partial"


def write_at(fd: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of `data` at `offset`; raise OSError."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(fd, rest, offset)
        offset += written
        rest = rest[written:]


class PartsOfFile:
    """The process that begins the file has one of these, and alone gives it metadata and name."""

    def __init__(self, folder: int, path: Path, apply: Callable[[int], None], errors: TargetErrors) -> None:
        """Take over the descriptor `folder`, of the folder that `path` is in; `apply` gives metadata to the file."""
        self._folder, self._path, self._apply, self._errors = folder, path, apply, errors
        self._is_named = False
        name = partial_name()
        try:
            with errors:
                self._fd = os.open(name, NEW_FILE, 0o600, dir_fd=folder)
        except BaseException:
            os.close(folder)
            raise
        status = os.fstat(self._fd)
        self._unfinished = Unfinished(path[:-1], name, status.st_dev, status.st_ino)

    @property
    def unfinished(self) -> Unfinished:
        """What another process needs to write to it."""
        return self._unfinished

    def finish(self, size: int) -> None:
        """Make the file `size` bytes long, give it its metadata and then its name."""
        with self._errors:
            os.ftruncate(self._fd, size)
            self._apply(self._fd)
            os.rename(self._unfinished.name, self._path[-1], src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._is_named = True

    def close(self) -> None:
        """Remove what was not finished and close the descriptors."""
        if not self._is_named:
            with suppress(OSError):
                os.unlink(self._unfinished.name, dir_fd=self._folder)
        os.close(self._fd)
        os.close(self._folder)


def open_unfinished(file: Unfinished, folder: int) -> int:
    """Open a file that another process began in `folder`.

    Raises:
        StoreDenied: under its name stands another one.
        OSError: it cannot be opened.
    """
    fd = os.open(file.name, OLD_FILE, dir_fd=folder)
    status = os.fstat(fd)
    if (status.st_dev, status.st_ino) != (file.device, file.inode):
        os.close(fd)
        raise StoreDenied("another file was put in its place while it was written")
    return fd
