"""A large file in parts, for several workers at once: its items are those that one worker alone would find.

Each part is cut from a little before its beginning. Content-defined cuts fall into step within a few chunks wherever
they start, so that where one part's last chunk ends the next one's first begins. Where they do not (bytes that repeat
for long are cut at the maximum size, in step with nothing), the part is stored again from the right place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from holdfast.backup.begun import FileSoFar
from holdfast.backup.entry import Entry, Item

PART_BYTES = 16 * 1024 * 1024
MOST_PARTS = 4096
"""Parts of one file are larger beyond 64 GiB, so that what waits to be put together stays small."""
LEAD_CHUNKS = 8
"""So many average chunks are cut before a part begins. Measured on text, records and noise at 128 KiB: in step after
1.3 at the median, after 6.2 in all of 857 trials."""


class Part(NamedTuple):
    """What of a file begins from `begin` up to `end`; cutting starts at `start`."""

    start: int
    begin: int
    end: int


class StoredPart(NamedTuple):
    """A part's chunks and holes, and where the first begins and the last ends; none if something before covers it.

    `stamp` is equal while the file is, `changed` says that it was not even while this part was read.
    """

    entry: Entry
    items: Sequence[Item]
    begin: int
    end: int
    stamp: Sequence[int]
    changed: bool


def is_large(size: int) -> bool:
    """Say whether a file of this size is worth the parts."""
    return size > 2 * PART_BYTES


class LargeFile:
    """Puts the parts of a file together, in whatever order they come; memory of the items that wait."""

    def __init__(self, size: int, average_chunk: int, so_far: FileSoFar) -> None:
        """`so_far` may have a beginning of the file, which is not read; it grows as parts are put together."""
        self._size = size
        self._part_bytes = max(PART_BYTES, -(-size // MOST_PARTS))
        self._lead_bytes = LEAD_CHUNKS * average_chunk
        self._so_far = so_far
        self._is_begun = so_far.size > 0
        self._waiting: dict[int, tuple[Part, StoredPart]] = {}
        self._first: StoredPart | None = None
        self._is_settled = True
        self._end = min((so_far.size // self._part_bytes + 1) * self._part_bytes, size)
        self.has_changed = False
        self.is_whole = False
        """Whether every part has come; true from the last `take` on."""

    def parts(self) -> Iterator[Part]:
        """Yield the parts; each may be stored anywhere, at any time."""
        at = self._at
        if at:
            yield Part(at, at, self._end)
        for begin in range(self._end if at else 0, self._size, self._part_bytes):
            yield Part(max(0, begin - self._lead_bytes), begin, min(begin + self._part_bytes, self._size))

    @property
    def _at(self) -> int:
        return self._so_far.size

    def take(self, part: Part, stored: StoredPart) -> Part | None:
        """Take a stored part; return one to be stored again, from where the one before it ended."""
        self._first = self._first or stored
        self._is_settled = self._is_settled and stored.entry.fingerprint != b""
        self.has_changed = self.has_changed or stored.changed or stored.stamp != self._first.stamp
        if not self._so_far.meets(stored.entry) and self._is_begun:
            self.has_changed = True  # what is stored is of another file
        self._waiting[part.end] = part, stored
        while not self.is_whole and self._end in self._waiting:
            part, stored = self._waiting.pop(self._end)
            if self._at < part.end and stored.begin != self._at:
                if part.start != self._at:
                    return Part(self._at, self._at, part.end)
                self.has_changed = True  # there was something when its neighbours were read
            self._add(part, stored)
        return None

    def _add(self, part: Part, stored: StoredPart) -> None:
        if self._at < part.end:
            self._so_far.extend(stored.items, stored.end)
        self.is_whole = part.end == self._size
        self._end = min(part.end + self._part_bytes, self._size)

    def entry(self) -> Entry:
        """Return the whole file's entry."""
        assert self._first is not None  # asked when all parts have come
        content, levels = self._so_far.finish()
        return self._first.entry.holding(content, levels, self._at, is_settled=self._is_settled)
