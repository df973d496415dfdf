"""How much a first backup has before it: counted in a process of its own, so that the time left can be told."""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from holdfast.backup.child import Child
from holdfast.errors import StoreUnavailable

if TYPE_CHECKING:
    from holdfast.backup.sources import Source

FORM = struct.Struct("<QQ")
NICENESS = 10
"""It gives way to the backup itself."""
LOOK_EVERY = 1000


class Ahead(NamedTuple):
    """What a source holds: regular files, and their bytes."""

    files: int
    size: int


def count(source: Source) -> Ahead:
    """Walk the source as a backup does, reading no file."""
    from holdfast.backup.entry import EntryKind
    from holdfast.backup.sources import SourceEntry

    parent, seen, files, size = os.getppid(), 0, 0, 0
    for root in source.paths:
        for found in source.entries(root):
            seen += 1
            if seen % LOOK_EVERY == 0 and os.getppid() != parent:
                break  # nobody waits for it any more
            if isinstance(found, SourceEntry) and found.entry.kind is EntryKind.FILE:
                files += 1
                size += found.entry.size
    return Ahead(files, size)


class Counting:
    """A count under way in another process."""

    def __init__(self, source: Source) -> None:
        self.child = Child(partial(_tell_count, source))
        self._is_over = False
        self._found: Ahead | None = None

    def result(self) -> Ahead | None:
        """Return what was counted, None as long as it is not known; never waits."""
        if not self._is_over and select.select([self.child.pipe], [], [], 0)[0]:
            data = os.read(self.child.pipe, FORM.size)
            self._is_over = True
            self._found = Ahead(*FORM.unpack(data)) if len(data) == FORM.size else None
        return self._found

    def end(self) -> None:
        """End the process, counted or not."""
        self.child.end()


@contextmanager
def counting(source: Source) -> Iterator[Counting | None]:
    """Count what a source of this machine holds while the block goes on; the process ends with the block.

    None is given where the system starts no more processes.
    """
    try:
        process = Counting(source)
    except StoreUnavailable:
        yield None
        return
    try:
        yield process
    finally:
        process.end()


def _tell_count(source: Source, stream: BinaryIO) -> None:
    os.nice(NICENESS)
    stream.write(FORM.pack(*count(source)))
