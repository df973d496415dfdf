"""A file of a directory source while it is read: its runs of data and holes, and whether it changed meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from holdfast.backup.entry import Entry
from holdfast.backup.sources import Extent
from holdfast.backup.sources.metadata import Stamp, reason, stamp
from holdfast.errors import SourceUnreadable

BLOCK = 512
"""`st_blocks` counts these, whatever the file system's own block is (stat(2))."""


class OpenedFile:
    """A file of a directory source; closes its descriptor at the end of a `with`."""

    def __init__(self, fd: int, entry: Entry, status: os.stat_result) -> None:
        self._fd = fd
        self._entry = entry
        self._opened = stamp(status)
        self._size = status.st_size
        self._may_have_holes = status.st_blocks * BLOCK < status.st_size
        self._position = 0
        self._end = 0

    def __enter__(self) -> OpenedFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @property
    def entry(self) -> Entry:
        """The metadata as of opening."""
        return self._entry

    @property
    def stamp(self) -> Stamp:
        """What differs once the file is another."""
        return self._opened

    def whole(self, most: int) -> bytes | None:
        """Return what the file holds, if one read gives it; None if that is more than `most` bytes or has holes."""
        if self._size > most or self._may_have_holes:
            return None
        try:
            data = os.pread(self._fd, self._size, 0) if self._size else b""
        except OSError as error:
            raise SourceUnreadable(reason(error)) from error
        return data if len(data) == self._size else None

    def extents(self, offset: int = 0, stop: int | None = None) -> Iterator[Extent]:
        """Yield holes and data in order, up to the size the file had when it was opened.

        From `offset` on; data up to `stop` alone, a hole before that whole.
        """
        stop = self._size if stop is None else min(stop, self._size)
        while offset < stop:
            start, end = self._next_data(offset)
            end = min(end, max(start, stop))
            if start > offset:
                yield Extent(start - offset, hole=True)
            if end > start:
                self._position, self._end = start, end
                yield Extent(end - start)
            if end == offset:
                return
            offset = end

    def _next_data(self, offset: int) -> tuple[int, int]:
        """Return where the next data starts and ends; both are the end of the file where none is left."""
        if not self._may_have_holes:
            return offset, self._size
        try:
            start = os.lseek(self._fd, offset, os.SEEK_DATA)
            end = os.lseek(self._fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole from here; or the file shrank
                left = max(offset, min(self._size, os.fstat(self._fd).st_size))
                return left, left
            if error.errno in (errno.EINVAL, errno.ENOTSUP):
                return offset, self._size
            raise SourceUnreadable(reason(error)) from error
        return min(start, self._size), min(end, self._size)

    def read(self, size: int) -> bytes:
        """Return the next bytes of the current run."""
        if self._position >= self._end:
            return b""
        try:
            data = os.pread(self._fd, min(size, self._end - self._position), self._position)
        except OSError as error:
            raise SourceUnreadable(reason(error)) from error
        self._position += len(data)
        return data

    def changed(self) -> bool:
        """Say whether size, times or inode differ from when the file was opened."""
        return stamp(os.fstat(self._fd)) != self._opened
