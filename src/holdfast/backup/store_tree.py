"""Storing one source's tree: new content as chunks, unchanged content by reference, folders as nodes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from holdfast.backup.chunking import chunks_of
from holdfast.backup.entry import Entry, EntryKind, Item
from holdfast.backup.ids import ChunkId
from holdfast.backup.manifest import MAX_SKIPPED
from holdfast.backup.ports import PackKind
from holdfast.backup.previous import PreviousFolder, below, is_unchanged
from holdfast.backup.repository import Repository
from holdfast.backup.sources import OpenFile, Skipped, Source, SourceEntry, path_of
from holdfast.backup.tree import Chunks, ContentBuilder, NodeBuilder
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import SourceUnreadable

ATTEMPTS = 2
"""A file that changes while it is read is read this often, then stored as read."""
MAX_LINKS = 4096
"""Hard-linked files remembered, so that their other names are not read again."""


class Progress(NamedTuple):
    """How far a backup is: regular files seen, bytes read of them, the path at hand."""

    files: int
    bytes_read: int
    path: bytes


OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Tally:
    """What a backup met. Lists are cut at `MAX_SKIPPED`; counts are whole."""

    files: int = 0
    folders: int = 0
    others: int = 0
    size: int = 0
    bytes_read: int = 0
    files_unchanged: int = 0
    skipped_count: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def skip(self, skipped: Skipped) -> None:
        """Note what is not in the snapshot; what cannot be in any is only a warning."""
        if skipped.expected:
            self.warn(skipped.path, skipped.reason)
            return
        self.skipped_count += 1
        if len(self.skipped) < MAX_SKIPPED:
            self.skipped.append(skipped)

    def warn(self, path: bytes, text: str) -> None:
        """Note something the user should know."""
        if len(self.warnings) < MAX_SKIPPED:
            self.warnings.append(f"{os.fsdecode(path)!r}: {text}")


@dataclass(slots=True)
class _Folder:
    """A folder being stored: its own entry (none for the virtual one above a root) and the ones it was before."""

    entry: Entry | None
    builder: NodeBuilder
    previous: PreviousFolder
    interrupted: PreviousFolder


class TreeStore:
    """Stores the trees of one session. `tick` is called between any two chunks and may raise to stop."""

    def __init__(
        self,
        repository: Repository,
        writer: ChunkWriter,
        source: Source,
        reader: Chunks,
        *,
        tick: Callable[[], None],
        progress: OnProgress | None = None,
    ) -> None:
        self._keyring = repository.keyring
        self._limits = repository.limits
        self._writer = writer
        self._source = source
        self._reader = reader
        self._tick = tick
        self._progress = progress
        self._links: dict[bytes, Entry] = {}
        self._stack: list[_Folder] = []
        self.tally = Tally()

    def store(
        self, root: bytes, previous: tuple[ChunkId, ...] = (), interrupted: tuple[ChunkId, ...] = ()
    ) -> tuple[ChunkId, ...]:
        """Store the source's tree and return its root nodes.

        `previous` are those of the snapshot before, `interrupted` what `unfinished` returned of an earlier attempt.
        """
        before = PreviousFolder.of(self._reader, previous), PreviousFolder.of(self._reader, interrupted)
        stack = self._stack = [self._open_folder(None, *before)]
        for item in self._source.entries(root):
            self._tick()
            if isinstance(item, Skipped):
                self.tally.skip(item)
                continue
            while len(stack) > len(item.path) + 1:
                self._close_folder(stack)
            if len(stack) != len(item.path) + 1:
                raise ValueError(f"{item.path!r} came without its folder")
            self._store_item(item, stack, root)
        return self.unfinished()

    def unfinished(self) -> tuple[ChunkId, ...]:
        """Close every open folder and return the root nodes of what has been stored of the tree so far."""
        while len(self._stack) > 1:
            self._close_folder(self._stack)
        nodes, _ = self._stack[0].builder.finish()
        return nodes

    def _store_item(self, item: SourceEntry, stack: list[_Folder], root: bytes) -> None:
        previous = stack[-1].previous.find(item.entry.name)
        interrupted = stack[-1].interrupted.find(item.entry.name)
        if item.entry.kind is EntryKind.DIRECTORY:
            before = below(self._reader, previous), below(self._reader, interrupted)
            stack.append(self._open_folder(item.entry, *before))
            self.tally.folders += 1
            return
        path = path_of(root, item.path)
        entry: Entry | None = item.entry
        if item.entry.kind is EntryKind.FILE:
            entry = self._store_file(item, interrupted if is_unchanged(item.entry, interrupted) else previous, path)
        else:
            self.tally.others += 1
        if entry is not None:
            stack[-1].builder.add(entry)
        self._report(path)

    def _open_folder(self, entry: Entry | None, previous: PreviousFolder, interrupted: PreviousFolder) -> _Folder:
        return _Folder(entry, NodeBuilder(self._emit, self._keyring.chunk_id), previous, interrupted)

    def _close_folder(self, stack: list[_Folder]) -> None:
        folder = stack.pop()
        assert folder.entry is not None  # only the lowest, which is never closed here, has none
        nodes, levels = folder.builder.finish()
        stack[-1].builder.add(replace(folder.entry, nodes=nodes, levels=levels))

    def _store_file(self, item: SourceEntry, previous: Entry | None, path: bytes) -> Entry | None:
        found = item.entry
        earlier = self._links.get(found.link) if found.link else None
        if is_unchanged(found, previous):
            same = previous
            self.tally.files_unchanged += 1
        else:
            same = earlier if is_unchanged(found, earlier) else None
        if same is not None:
            entry = replace(found, content=same.content, levels=same.levels, xattrs=same.xattrs)
        else:
            try:
                entry = self._read_file(item, path)
            except SourceUnreadable as error:
                self.tally.skip(Skipped(path, str(error)))
                return None
        if entry.link and len(self._links) < MAX_LINKS:
            self._links[entry.link] = entry
        self.tally.files += 1
        self.tally.size += entry.size
        return entry

    def _read_file(self, item: SourceEntry, path: bytes) -> Entry:
        for _ in range(ATTEMPTS):
            with self._source.open(item) as file:
                content, levels, size = self._store_content(file, path)
                entry = replace(file.entry, content=content, levels=levels, size=size)
                if not file.changed():
                    return entry
        self.tally.warn(path, "it changed while it was read; stored as read")
        return replace(entry, fingerprint=b"")

    def _store_content(self, file: OpenFile, path: bytes) -> tuple[tuple[Item, ...], int, int]:
        builder = ContentBuilder(self._emit)
        size = 0
        for extent in file.extents():
            if extent.hole:
                builder.add(extent.length)
                size += extent.length
                continue
            for chunk in chunks_of(file.read, self._limits, self._keyring.chunker):
                builder.add(self._writer.add(PackKind.DATA, chunk))
                size += len(chunk)
                self.tally.bytes_read += len(chunk)
                self._tick()
                self._report(path)
        return *builder.finish(), size

    def _emit(self, data: bytes) -> ChunkId:
        return self._writer.add(PackKind.TREE, data)

    def _report(self, path: bytes) -> None:
        if self._progress is not None:
            self._progress(Progress(self.tally.files, self.tally.bytes_read, path))
