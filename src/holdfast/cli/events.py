"""What a long verb tells while it runs: a line on a terminal, or a JSON object a line for machines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import click

from holdfast.cli.progress import ProgressLine, share_of
from holdfast.cli.text import json_path

EVENT_SECONDS = 1.0


class Reporter:
    """Tells how far a backup or restore is: to people on stderr, or with `--output events` on stdout once a second."""

    def __init__(self, output: str, *, quiet: bool, seconds: Callable[[], float] = time.monotonic) -> None:
        self._line = ProgressLine(quiet=quiet or output == "events", seconds=seconds)
        self._seconds = seconds
        self._last = seconds()
        self.events = output == "events"
        self.is_on = self._line.is_on or self.events

    def progress(self, files: int, size: int, path: bytes, *, done: int, of: int | None) -> None:
        """Tell, if it is time to; `done` of `of`, in whatever both are counted."""
        share = share_of(done, of)
        self._line.show(files, size, path, share=share)
        if self.events and self._seconds() - self._last >= EVENT_SECONDS:
            self._last = self._seconds()
            self.event("progress", files=files, bytes=size, path=json_path(path), share=share)

    def event(self, kind: str, **values: object) -> None:
        """Print one event."""
        click.echo(json.dumps({"event": kind, **values}))

    def clear(self) -> None:
        """Remove the line of a terminal."""
        self._line.clear()
