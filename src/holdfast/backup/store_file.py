"""Storing one file: its runs of data as chunks, its holes by length, again if it changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from holdfast.backup.begun import FileSoFar
from holdfast.backup.chunking import ChunkLimits, chunks_of
from holdfast.backup.entry import Entry, Item
from holdfast.backup.ids import ChunkId
from holdfast.backup.large_file import Part, StoredPart
from holdfast.backup.ports import PackKind
from holdfast.backup.sources import Extent, FileAtPath, OpenFile
from holdfast.backup.writer import ChunkWriter

ATTEMPTS = 2
"""A file that changes while it is read is read this often, then stored as read."""


class StoredFile(NamedTuple):
    """A file's entry with its content; `restless` if it changed each time it was read."""

    entry: Entry
    restless: bool


class FileStore:
    """Stores files through one writer. `on_bytes` is told each chunk's length and may raise to stop."""

    def __init__(
        self, writer: ChunkWriter, limits: ChunkLimits, secret: bytes, on_bytes: Callable[[int], None]
    ) -> None:
        self.writer = writer
        self.limits = limits
        self.secret = secret
        self.on_bytes = on_bytes

    def store(
        self, opened: Callable[[], AbstractContextManager[OpenFile]], so_far: FileSoFar | None = None
    ) -> StoredFile:
        """Store the file that `opened` opens, anew each time; what is stored of it already is not read.

        Raises:
            SourceUnreadable: it cannot be opened or read.
        """
        for _ in range(ATTEMPTS):
            with opened() as file:
                content, levels, size = self._content(file, so_far)
                if not file.changed():
                    return StoredFile(file.entry.holding(content, levels, size), restless=False)
                entry = file.entry.holding(content, levels, size, is_settled=False)
            if so_far is not None:
                so_far.restart()
        return StoredFile(entry, restless=True)

    def _content(self, file: OpenFile, so_far: FileSoFar | None) -> tuple[tuple[Item, ...], int, int]:
        whole = file.whole(self.limits.least)
        if whole is not None:
            self.on_bytes(len(whole))
            return ((self.writer.add(PackKind.DATA, whole),) if whole else ()), 0, len(whole)
        so_far = so_far or FileSoFar(file.entry, self.emit)
        if not so_far.meets(file.entry):
            so_far.restart()
        for length, chunk in self._pieces(file, file.extents(so_far.size)):
            item = length if chunk is None else self.writer.add(PackKind.DATA, chunk)
            so_far.extend((item,), so_far.size + length)
            self.on_bytes(0 if chunk is None else length)
        return *so_far.finish(), so_far.size

    def store_part(self, opened: Callable[[], AbstractContextManager[FileAtPath]], part: Part) -> StoredPart:
        """Store what of the file begins in `part`.

        Raises:
            SourceUnreadable: it cannot be opened or read.
        """
        items: list[Item] = []
        at, begin = part.start, -1
        with opened() as file:
            # Where a chunk ends depends on as many bytes after its beginning as the largest has.
            for length, chunk in self._pieces(file, file.extents(part.start, part.end + self.limits.most)):
                if at >= part.end:
                    break
                if at >= part.begin:
                    begin = begin if items else at
                    items.append(length if chunk is None else self.writer.add(PackKind.DATA, chunk))
                    self.on_bytes(0 if chunk is None else length)
                at += length
            return StoredPart(file.entry, items, begin, at, file.stamp, file.changed())

    def _pieces(self, file: OpenFile, extents: Iterator[Extent]) -> Iterator[tuple[int, memoryview | None]]:
        """Yield the length of each hole and chunk, and the chunk."""
        for extent in extents:
            if extent.hole:
                yield extent.length, None
                continue
            for chunk in chunks_of(file.read, self.limits, self.secret):
                yield len(chunk), chunk

    def emit(self, data: bytes) -> ChunkId:
        """Store a list or a node."""
        return self.writer.add(PackKind.TREE, data)
