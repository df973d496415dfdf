"""The content of files, many small ones fetched at once, a large one a window at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from holdfast.backup.entry import Entry, EntryKind, Item
from holdfast.backup.ids import ChunkId
from holdfast.backup.reader import ChunkReader
from holdfast.backup.tree import content_of
from holdfast.errors import IntegrityError

SMALL_FILE_BYTES = 4 * 1024 * 1024
WINDOW = 64
"""Chunks of a large file fetched at a time: 8 MiB on average, 32 MiB at most."""


class FileContent:
    """Gives the content of files in the order they are asked for; `bytes_given` counts it."""

    def __init__(self, reader: ChunkReader, on_window: Callable[[], None] = lambda: None) -> None:
        self._reader = reader
        self._on_window = on_window
        self._data: dict[ChunkId, bytes] = {}
        self.bytes_given = 0

    def prefetch(self, entries: Iterable[Entry]) -> None:
        """Fetch the content of the small files among these, in place of what was fetched before."""
        self._data = {}
        wanted = {chunk: None for entry in entries for chunk in _ids(_small_content(entry))}
        try:
            self._data = dict(self._reader.fetch(list(wanted)))
        except IntegrityError:
            self._data = {}  # one of them is damaged: each file asks for its own

    def of(self, entry: Entry) -> Iterator[bytes | int]:
        """Yield a file's bytes and holes in order.

        Raises:
            IntegrityError: a chunk is damaged, or nowhere.
        """
        small = _small_content(entry)
        if small and all(isinstance(item, int) or item in self._data for item in small):
            yield from self._given(small, self._data)
            return
        items = content_of(self._reader, entry)
        while window := list(islice(items, WINDOW)):
            data = {chunk: self._data[chunk] for chunk in _ids(window) if chunk in self._data}
            data.update(self._reader.fetch([chunk for chunk in _ids(window) if chunk not in data]))
            yield from self._given(window, data)
            self._on_window()

    def _given(self, items: Iterable[Item], data: Mapping[ChunkId, bytes]) -> Iterator[bytes | int]:
        for item in items:
            if isinstance(item, int):
                self.bytes_given += item
                yield item
            else:
                piece = data[item]
                self.bytes_given += len(piece)
                yield piece


def _small_content(entry: Entry | None) -> Sequence[Item]:
    """Return the content that is fetched with that of other files; empty for a large file, which fetches its own."""
    if entry is None or entry.kind is not EntryKind.FILE or entry.levels or entry.size > SMALL_FILE_BYTES:
        return ()
    return entry.content if len(entry.content) <= WINDOW else ()


def _ids(items: Iterable[Item]) -> Iterator[ChunkId]:
    return (item for item in items if not isinstance(item, int))
