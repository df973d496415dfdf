"""A process forked to find something out while this one goes on: it writes what it finds into a pipe.

It holds nothing that could be lost, and may be ended at any time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import BinaryIO

from holdfast.backup.forks import end_process, forked


class Child:
    """The process that calls `find` with the end of the pipe to write to; `pipe` is the end to read from.

    It must be made where no other thread runs. There no descriptor but the standard ones is open, and a signal ends it.

    Args:
        room: bytes that may wait in the pipe, if the system gives so many.

    Raises:
        StoreUnavailable: the system starts no more processes.
    """

    def __init__(self, find: Callable[[BinaryIO], object], *, room: int | None = None) -> None:
        self.pipe, theirs = os.pipe()
        if room is not None:
            with suppress(OSError):
                fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, room)
        try:
            self.pid = forked(partial(_find, theirs, find))
        except BaseException:
            os.close(self.pipe)
            raise
        finally:
            os.close(theirs)

    def end(self) -> None:
        """End the process, whether it is done or not."""
        os.close(self.pipe)
        end_process(self.pid)


def _find(pipe: int, find: Callable[[BinaryIO], object]) -> None:
    """Find and write; whoever misses what was not told finds it out, and what is wrong."""
    _close_all_but({0, 1, 2, pipe})
    with open(pipe, "wb") as stream:
        find(stream)


def _close_all_but(kept: set[int]) -> None:
    """Close what the parent has open, or others that wait for its end would not see it while we live."""
    for below, above in pairwise([*sorted(kept), os.sysconf("SC_OPEN_MAX")]):
        os.closerange(below + 1, above)
