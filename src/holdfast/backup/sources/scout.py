"""Processes that look at folders ahead of the backup: where nothing changed, one pass is spread over several cores.

Each walks its share by itself, in the same order, while the backup opens its repository and after. What they report of
a folder is what the backup would have seen a moment later; where they have nothing to report, it looks for itself.
"""

from __future__ import annotations

import fcntl
import gc
import os
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import NamedTuple, NoReturn

import msgpack

from holdfast.backup.entry import Entry, EntryKind, Path
from holdfast.backup.sources import Counted
from holdfast.backup.wire import pack

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
    """What several processes report, each calling `look`, which must tell of its share in the order of paths."""

    def __init__(self, look: Callable[[Share, Tell], None], count: int) -> None:
        self._scouts = [Scout(partial(look, Share(number, count))) for number in range(count)]

    def find(self, path: Path) -> Report | None:
        """Return what is told of this folder, as `Scout.find` does."""
        return self._scouts[share_of(path, len(self._scouts))].find(path)

    def close(self) -> None:
        """End the processes."""
        for scout in self._scouts:
            scout.close()


class Scout:
    """The reports of one process that calls `look`, which must tell in the order of paths.

    No descriptor but the standard ones is open there.
    """

    def __init__(self, look: Callable[[Tell], None]) -> None:
        self._reports: deque[Report] = deque()
        self._end, theirs = os.pipe()
        with suppress(OSError):
            fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, ROOM)
        gc.freeze()  # else a collection there would copy every page that holds an object
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _be_scout(theirs, look)
        finally:
            gc.unfreeze()
        os.close(theirs)
        self._unpacker = msgpack.Unpacker(raw=False, use_list=False)

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
        data = os.read(self._end, PIECE)
        self._unpacker.feed(data)
        self._reports += [report for told in self._unpacker for report in map(_report, told)]
        return data != b""

    def close(self) -> None:
        """End the process, which holds nothing that could be lost."""
        os.close(self._end)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _report(told: tuple[Path, tuple[object, ...], tuple[int, ...], tuple[bytes, ...]]) -> Report:
    path, (name, _, *rest), counted, folders = told
    return Report(path, Entry(name, EntryKind.DIRECTORY, *rest), Counted(*counted), list(folders))  # type: ignore[arg-type]


def _be_scout(end: int, look: Callable[[Tell], None]) -> NoReturn:
    """Look and tell until all is told or the backup is gone; never return into its code, never run its clean-up."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the backup, which ends us
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _close_all_but({0, 1, 2, end})
        told: list[object] = []
        with os.fdopen(end, "wb") as stream:

            def tell(*report: object) -> None:
                told.append(report)
                if len(told) == REPORTS_AT_A_TIME:
                    stream.write(pack(told))
                    stream.flush()
                    told.clear()

            look(tell)
            stream.write(pack(told))
    finally:
        os._exit(0)  # without a word: what is not told is looked at by the backup, which names what is wrong


def _close_all_but(kept: set[int]) -> None:
    """Close what the backup has open, or others that wait for its end would not see it while we live."""
    for below, above in pairwise([*sorted(kept), os.sysconf("SC_OPEN_MAX")]):
        os.closerange(below + 1, above)
