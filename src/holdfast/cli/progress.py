"""A line on stderr that tells how far a backup or restore is; on a terminal only."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from holdfast.cli.text import shown_path, shown_size

INTERVAL_SECONDS = 0.2


class TerminalLine:
    """One line on a terminal, rewritten at most five times a second, that `clear` removes."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or sys.stderr
        self._seconds = seconds
        self._start = self._last = seconds()
        self._shown = False
        self.is_on = not quiet and self._stream.isatty()

    def write(self, text: Callable[[float], str]) -> None:
        """Show `text(seconds since the start)`, if it is time to."""
        now = self._seconds()
        if not self.is_on or now - self._last < INTERVAL_SECONDS:
            return
        self._last = now
        columns = shutil.get_terminal_size().columns
        self._stream.write("\r" + text(now - self._start)[: columns - 1] + "\x1b[K")
        self._stream.flush()
        self._shown = True

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False


class ProgressLine(TerminalLine):
    """Shows files, bytes and rate."""

    def show(self, files: int, size: int, path: bytes) -> None:
        """Show how far it is."""
        self.write(
            lambda seconds: (
                f"{files} files  {shown_size(size)}  {shown_size(size / max(seconds, 0.001))}/s  {shown_path(path)}"
            )
        )


class CountLine(TerminalLine):
    """Shows how many of how many."""

    def show(self, done: int, of: int) -> None:
        """Show how far it is."""
        self.write(lambda seconds: f"{done} of {of}  {done / max(seconds, 0.001):.0f}/s")
