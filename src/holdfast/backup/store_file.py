"""Storing one file: its runs of data as chunks, its holes by length, again if it changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.backup.chunking import ChunkLimits, chunks_of
from holdfast.backup.entry import Entry, Item
from holdfast.backup.ids import ChunkId
from holdfast.backup.ports import PackKind
from holdfast.backup.sources import OpenFile
from holdfast.backup.tree import ContentBuilder
from holdfast.backup.writer import ChunkWriter

ATTEMPTS = 2
"""A file that changes while it is read is read this often, then stored as read."""


class StoredFile(NamedTuple):
    """A file's entry with its content; `restless` if it changed each time it was read."""

    entry: Entry
    restless: bool


@dataclass(frozen=True, slots=True)
class FileStore:
    """Stores files through one writer. `on_bytes` is told each chunk's length and may raise to stop."""

    writer: ChunkWriter
    limits: ChunkLimits
    secret: bytes
    on_bytes: Callable[[int], None]

    def store(self, opened: Callable[[], AbstractContextManager[OpenFile]]) -> StoredFile:
        """Store the file that `opened` opens, anew each time.

        Raises:
            SourceUnreadable: it cannot be opened or read.
        """
        for _ in range(ATTEMPTS):
            with opened() as file:
                content, levels, size = self._content(file)
                if not file.changed():
                    return StoredFile(file.entry.holding(content, levels, size), restless=False)
                entry = file.entry.holding(content, levels, size, is_settled=False)
        return StoredFile(entry, restless=True)

    def _content(self, file: OpenFile) -> tuple[tuple[Item, ...], int, int]:
        builder = ContentBuilder(self.emit)
        size = 0
        for extent in file.extents():
            if extent.hole:
                builder.add(extent.length)
                size += extent.length
                continue
            for chunk in chunks_of(file.read, self.limits, self.secret):
                builder.add(self.writer.add(PackKind.DATA, chunk))
                size += len(chunk)
                self.on_bytes(len(chunk))
        return *builder.finish(), size

    def emit(self, data: bytes) -> ChunkId:
        """Store a list or a node."""
        return self.writer.add(PackKind.TREE, data)
