"""A line on stderr that tells how far a backup or restore is; on a terminal only."""

from __future__ import annotations

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
        import shutil

        columns = shutil.get_terminal_size().columns
        self._stream.write("\r" + _cut(text(now - self._start), columns - 1) + "\x1b[K")
        self._stream.flush()
        self._shown = True

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False


def _cut(text: str, columns: int) -> str:
    """Return what of the text fits into so many columns; East Asian letters and the like take two."""
    if text.isascii():
        return text[:columns]
    from unicodedata import combining, east_asian_width

    for at, letter in enumerate(text):
        columns -= 0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1
        if columns < 0:
            return text[:at]
    return text


class ProgressLine(TerminalLine):
    """Shows files, bytes, rate and, where it is known how much there is, the time left."""

    def show(self, files: int, size: int, path: bytes, *, share: float | None = None) -> None:
        """Show how far it is; `share` is the part that is done, 0 to 1."""
        self.write(
            lambda seconds: (
                f"{shown_left(seconds, share)}{files} files  {shown_size(size)}  "
                f"{shown_size(size / max(seconds, 0.001))}/s  {shown_path(path)}"
            )
        )


class CountLine(TerminalLine):
    """Shows how many of how many packs."""

    def show(self, done: int, of: int) -> None:
        """Show how far it is."""
        self.write(
            lambda seconds: (
                f"{shown_left(seconds, share_of(done, of))}{done} of {of} packs  {done / max(seconds, 0.001):.0f}/s"
            )
        )


def share_of(done: int, of: int | None) -> float | None:
    """Return the part that is done; None where there is no telling."""
    return min(done / of, 1.0) if of else None


def shown_left(seconds: float, share: float | None) -> str:
    """Return `37 %, 4 min left` and two spaces, as if the rest went on as it began; nothing before it is told."""
    if not share:
        return ""
    left = seconds * (1 - share) / share
    for unit, size in (("h", 3600), ("min", 60)):
        if left >= size:
            return f"{share:.0%}, {left / size:.0f} {unit} left  "
    return f"{share:.0%}, {left:.0f} s left  "
