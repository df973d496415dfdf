"""When a session notes how far it is, so that one that is killed is gone on with: bounded loss at a bounded cost.

The order of writes is in `docs/design/repository-format.md`, "Checkpoints".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from holdfast.backup.ids import ChunkId
from holdfast.backup.ports import Clock

LOOK_BYTES = 1024 * 1024
LOOK_FILES = 256
"""So much is read, or so often it is asked, between two looks at the clock."""


class CheckpointRate(NamedTuple):
    """How often: after `least` and `data_bytes` read, or after `most` and anything read.

    At 1 GiB the packs that are closed early, two of each process, are fewer than a tenth of those stored meanwhile.
    """

    least: timedelta = timedelta(minutes=1)
    most: timedelta = timedelta(minutes=5)
    data_bytes: int = 1024**3


class Noted(NamedTuple):
    """The root nodes of what is stored, durable and published, and how many bytes of files that is."""

    roots: tuple[ChunkId, ...]
    size: int


class Checkpoints:
    """Says when one is due, and tells `on_note` of it."""

    def __init__(self, clock: Clock, rate: CheckpointRate, on_note: Callable[[Noted], None]) -> None:
        self._clock = clock
        self._rate = rate
        self._on_note = on_note
        self._look_every = min(LOOK_BYTES, rate.data_bytes)
        self._begin(0)

    def _begin(self, bytes_read: int) -> None:
        self._since = self._clock.now()
        self._from = bytes_read
        self._look_at = bytes_read + self._look_every
        self._asked = 0

    def is_due(self, bytes_read: int) -> bool:
        """Say whether one is due now that so much has been read; cheap enough to ask for every file."""
        self._asked += 1
        if bytes_read < self._look_at and self._asked < LOOK_FILES:
            return False
        self._look_at, self._asked = bytes_read + self._look_every, 0
        read, passed = bytes_read - self._from, self._clock.now() - self._since
        is_late = passed >= self._rate.most and read > 0
        return is_late or (passed >= self._rate.least and read >= self._rate.data_bytes)

    def note(self, noted: Noted, bytes_read: int) -> None:
        """Note what is stored, and count from now on."""
        self._on_note(noted)
        self._begin(bytes_read)
