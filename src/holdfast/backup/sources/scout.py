"""Processes that look at folders ahead of the backup: where nothing changed, one pass is spread over several cores.

Each walks its share by itself, in the same order, while the backup opens its repository and after. What they report of
a folder is what the backup would have seen a moment later; where they have nothing to report, it looks for itself.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, NamedTuple

import msgpack

from holdfast.backup.child import Child
from holdfast.backup.entry import Entry, EntryKind, Path
from holdfast.backup.sources import Counted
from holdfast.backup.wire import pack
from holdfast.errors import StoreUnavailable

REPORTS_AT_A_TIME = 32
PIECE = 1 << 16
ROOM = 1 << 20
"""Bytes of reports that may wait, about 8,000 folders: what any user may ask of Linux (/proc/sys/fs/pipe-max-size)."""


class Report(NamedTuple):
    """A folder with its signature, what stands in it, and the names of the folders in it; `path` begins with a root."""

    path: Path
    entry: Entry
    counted: Counted
    folders: list[bytes]


Tell = Callable[[Path, Entry, Counted, list[bytes]], None]
"""Is told what a report holds."""
SHARED_DEPTH = 3
"""Names, the root's among them, by which folders are shared out; what is above is listed by each process."""


class Share(NamedTuple):
    """What one of several processes tells of; forked from one, they hash alike."""

    number: int
    of: int

    def has(self, path: Path) -> bool:
        """Say whether the folder is this process's to tell of."""
        return share_of(path, self.of) == self.number

    def reaches(self, path: Path) -> bool:
        """Say whether something of this share may be in the folder."""
        return len(path) < SHARED_DEPTH or self.has(path)


def share_of(path: Path, count: int) -> int:
    """Return the number of the share that a folder is in."""
    return hash(path[:SHARED_DEPTH]) % count


class Scouts:
    """What several processes report, each calling `look`, which must tell of its share in the order of paths.

    Raises:
        StoreUnavailable: the system starts no more processes.
    """

    def __init__(self, look: Callable[[Share, Tell], None], count: int) -> None:
        self._scouts: list[Scout] = []
        try:
            for number in range(count):
                self._scouts.append(Scout(partial(look, Share(number, count))))
        except StoreUnavailable:
            self.close()
            raise

    def find(self, path: Path) -> Report | None:
        """Return what is told of this folder, as `Scout.find` does."""
        return self._scouts[share_of(path, len(self._scouts))].find(path)

    def close(self) -> None:
        """End the processes."""
        for scout in self._scouts:
            scout.close()


class Scout:
    """The reports of one process that calls `look`, which must tell in the order of paths."""

    def __init__(self, look: Callable[[Tell], None]) -> None:
        self._reports: deque[Report] = deque()
        self._unpacker = msgpack.Unpacker(raw=False, use_list=False)
        self.child = Child(partial(_tell_of, look), room=ROOM)

    def find(self, path: Path) -> Report | None:
        """Return what is told of this folder, waiting for it; paths must come in order."""
        while True:
            while self._reports:
                if self._reports[0].path >= path:
                    return self._reports.popleft() if self._reports[0].path == path else None
                self._reports.popleft()
            if not self._hear():
                return None

    def _hear(self) -> bool:
        """Take the next reports; False if there are no more."""
        data = os.read(self.child.pipe, PIECE)
        self._unpacker.feed(data)
        self._reports += [report for told in self._unpacker for report in map(_report, told)]
        return data != b""

    def close(self) -> None:
        """End the process."""
        self.child.end()


def _report(told: tuple[Path, tuple[object, ...], tuple[int, ...], tuple[bytes, ...]]) -> Report:
    path, (name, _, *rest), counted, folders = told
    return Report(path, Entry(name, EntryKind.DIRECTORY, *rest), Counted(*counted), list(folders))  # type: ignore[arg-type]


def _tell_of(look: Callable[[Tell], None], stream: BinaryIO) -> None:
    told: list[object] = []

    def tell(*report: object) -> None:
        told.append(report)
        if len(told) == REPORTS_AT_A_TIME:
            stream.write(pack(told))
            stream.flush()
            told.clear()

    look(tell)
    stream.write(pack(told))
