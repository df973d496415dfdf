"""Storing one source's tree: new content as chunks, unchanged content by reference, folders as nodes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from holdfast.backup.assembly import Assembly, Kept
from holdfast.backup.begun import FileSoFar, is_begun
from holdfast.backup.checkpoints import Checkpoints, Noted
from holdfast.backup.entry import Entry, EntryKind, Path
from holdfast.backup.ids import ChunkId, PackId
from holdfast.backup.large_file import is_large
from holdfast.backup.manifest import MAX_SKIPPED
from holdfast.backup.previous import PreviousFolder, below, is_unchanged
from holdfast.backup.repository import Repository
from holdfast.backup.sources import Counted, ReadsByPath, ReusesFolders, Skipped, Source, SourceEntry, path_of
from holdfast.backup.store_apart import FilesApart, Outcome, Slot, Written
from holdfast.backup.store_file import FileStore
from holdfast.backup.tree import Chunks, content_of, entries_of
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import IntegrityError, SourceUnreadable

MAX_WAITING = 10_000
"""Steps of the tree that wait for files still being read: about 20 MiB."""
LOOK_EVERY = 16
"""Files found between two looks at what the workers ask and have done: less than a millisecond."""
WAIT_SECONDS = 1.0
"""Between two looks at the lease while the workers are busy."""
RESTLESS = "it changed while it was read; stored as read"
MAX_LINKS = 4096
"""Hard-linked files remembered, so that their other names are not read again."""


class Progress(NamedTuple):
    """How far a backup is: regular files seen, bytes read of them, the path at hand."""

    files: int
    bytes_read: int
    path: bytes


OnProgress = Callable[[Progress], None]


class Tally:
    """What a backup met. Lists are cut at `MAX_SKIPPED`; counts are whole."""

    def __init__(self) -> None:
        self.files = 0
        self.folders = 0
        self.others = 0
        self.size = 0
        self.bytes_read = 0
        self.files_unchanged = 0
        self.skipped_count = 0
        self.skipped: list[Skipped] = []
        self.warnings: list[str] = []

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


class _Before:
    """What an open folder was in the snapshot before and in an interrupted attempt; of a reused one, what is kept."""

    __slots__ = ("interrupted", "kept", "previous")

    def __init__(self, previous: PreviousFolder, interrupted: PreviousFolder, kept: Iterable[Entry] = ()) -> None:
        self.previous = previous
        self.interrupted = interrupted
        self.kept = deque(kept)


class TreeStore:
    """Stores the trees of one session: entries in this process, and much data in `jobs` others.

    `tick` is called between any two chunks, or every second, and may raise to stop.
    """

    def __init__(
        self,
        repository: Repository,
        writer: ChunkWriter,
        source: Source,
        reader: Chunks,
        *,
        tick: Callable[[], None],
        progress: OnProgress | None = None,
        jobs: int = 1,
    ) -> None:
        self._checkpoints: Checkpoints | None = None
        self._noting: Noted | None = None
        self._reading: FileSoFar | None = None
        self._repository = repository
        self._tick = tick
        self._source = source
        self._reader = reader
        self._progress = progress
        self._writer = writer
        self._files = FileStore(self._writer, repository.limits, repository.keyring.chunker, self._on_bytes)
        self._apart: FilesApart | None = None
        if jobs > 1 and isinstance(source, ReadsByPath):
            self._apart = FilesApart(repository, self._files, source, jobs, self._count_read)
        self._links: dict[bytes, Entry | Slot] = {}
        self._before: list[_Before] = []
        self._reusable: list[Entry] = []
        self._tree = self._new_tree()
        self._root = b""
        self._path: Path = ()
        self._since_look = 0
        self.tally = Tally()

    def _new_tree(self) -> Assembly:
        return Assembly(self._files.emit, self._repository.keyring.chunk_id)

    def store(
        self,
        root: bytes,
        previous: tuple[ChunkId, ...] = (),
        interrupted: tuple[ChunkId, ...] = (),
        checkpoints: Checkpoints | None = None,
    ) -> tuple[ChunkId, ...]:
        """Store the source's tree and return its root nodes.

        `previous` are those of the snapshot before, `interrupted` what `unfinished` returned of an earlier attempt, or
        what it noted at one of its `checkpoints`.
        """
        self._tree = self._new_tree()
        self._checkpoints, self._noting = checkpoints, None
        self._before = [
            _Before(PreviousFolder.of(self._reader, previous), PreviousFolder.of(self._reader, interrupted))
        ]
        if isinstance(self._source, ReusesFolders):
            self._source.reuse_folders(self._may_reuse if previous else None)
        self._root = root
        for item in self._source.entries(root):
            self._look_around()
            if isinstance(item, Skipped):
                self.tally.skip(item)
                self._tree.spoil()
                continue
            depth = len(item.path) + 1
            while len(self._before) > depth:
                self._leave()
            if len(self._before) != depth:
                raise ValueError(f"{item.path!r} came without its folder")
            self._store_item(item)
        while len(self._before) > 1:
            self._leave()
        if self._apart is not None:
            self._apart.all_taken()
            self._await(lambda: self._apart is None or self._apart.is_idle)
        return self.unfinished()

    def unfinished(self) -> tuple[ChunkId, ...]:
        """Close every open folder and return the root nodes of what has been stored of the tree so far."""
        if (begun := self._begun()) is not None:
            self._tree.add(begun)
        return self._tree.finish()

    def _begun(self) -> Entry | None:
        return self._reading.entry() if self._reading is not None else None

    def flush(self) -> Written:
        """Make everything stored durable and published; return what that was."""
        if self._apart is None:
            self._writer.flush()
            parts = []
        else:
            parts = self._apart.flush(meanwhile=self._writer.flush)
        parts.append(Written.by(self._writer))
        packs = [PackId(pack) for part in parts for pack in part.packs]
        return Written(sum(part.bytes_added for part in parts), sum(part.bytes_stored for part in parts), packs)

    def close(self) -> None:
        """End the worker processes, if there are any."""
        if self._apart is not None:
            self._apart.close()

    def _leave(self) -> None:
        for entry in self._before.pop().kept:
            self._tree.add(entry)
        self._tree.close()

    def _may_reuse(self, path: Path, folder: Entry, counted: Counted) -> bool:
        """Say whether what stands in the folder can be taken from the snapshot before; read it if the tree needs it."""
        previous = self._before[len(path)].previous.find(folder.name)
        if previous is None or previous.kind is not EntryKind.DIRECTORY or previous.fingerprint != folder.fingerprint:
            return False
        if counted.folders:
            try:
                self._reusable = list(entries_of(self._reader, previous.nodes, previous.levels))
            except IntegrityError:
                return False  # a damaged parent only costs speed: what it cannot tell is read again
        return True

    def _enter(self, item: SourceEntry, previous: Entry | None, interrupted: Entry | None) -> None:
        self.tally.folders += 1
        if item.reused is None or previous is None:
            self._before.append(_Before(below(self._reader, previous), below(self._reader, interrupted)))
            self._tree.open(item.entry)
            return
        self._reuse(item.reused)
        if item.reused.folders == 0:
            self._before.append(_Before(PreviousFolder(), PreviousFolder()))
            self._tree.open(item.entry, Kept((previous.nodes, previous.levels)))
            return
        kept = (entry for entry in self._reusable if entry.kind is not EntryKind.DIRECTORY)
        self._before.append(_Before(PreviousFolder(iter(self._reusable)), below(self._reader, interrupted), kept))
        self._tree.open(item.entry, Kept((previous.nodes, previous.levels), self._reusable))

    def _reuse(self, counted: Counted) -> None:
        self.tally.files += counted.files
        self.tally.files_unchanged += counted.files
        self.tally.size += counted.size
        self.tally.others += counted.others

    def _store_item(self, item: SourceEntry) -> None:
        before, found = self._before[-1], item.entry
        while before.kept and before.kept[0].name < found.name:
            self._tree.add(before.kept.popleft())
        previous, interrupted = before.previous.find(found.name), before.interrupted.find(found.name)
        if found.kind is EntryKind.DIRECTORY:
            self._enter(item, previous, interrupted)
            return
        self._path = item.path
        if found.kind is EntryKind.FILE:
            self._store_file(item, previous, interrupted)
        else:
            self.tally.others += 1
            self._tree.add(found)
        self._report()

    def _store_file(self, item: SourceEntry, previous: Entry | None, interrupted: Entry | None) -> None:
        found = item.entry
        same = interrupted if is_unchanged(found, interrupted) else previous if is_unchanged(found, previous) else None
        if same is not None:
            self.tally.files_unchanged += 1
        elif found.link:
            same = self._linked(found)
        stored: Entry | Slot | None
        if same is not None:
            stored = found._replace(content=same.content, levels=same.levels, xattrs=same.xattrs)
            self._count(stored.size)
        elif self._apart is not None:
            so_far = self._so_far(found, interrupted) if is_large(found.size) else None
            stored = self._apart.store(self._root, item.path, found, so_far)
        else:
            stored = self._read_file(item, interrupted)
        if stored is None:
            return
        if found.link and len(self._links) < MAX_LINKS:
            self._links[found.link] = stored
        self._tree.add(stored)

    def _linked(self, found: Entry) -> Entry | None:
        """Return the entry under another name of the same file, if that is unchanged; wait for it if need be."""
        earlier = self._links.get(found.link)
        if isinstance(earlier, Slot):
            slot = earlier
            self._await(lambda: slot.is_settled)
            earlier = slot.entry if slot.encoded is not None else None
        return earlier if is_unchanged(found, earlier) else None

    def _so_far(self, found: Entry, interrupted: Entry | None) -> FileSoFar:
        """Return what an interrupted attempt stored of the file, if that can be read, or nothing."""
        if interrupted is not None and is_begun(found, interrupted):
            with suppress(IntegrityError):
                return FileSoFar(found, self._files.emit, content_of(self._reader, interrupted), interrupted.size)
        return FileSoFar(found, self._files.emit)

    def _read_file(self, item: SourceEntry, interrupted: Entry | None) -> Entry | None:
        self._reading = self._so_far(item.entry, interrupted)
        try:
            stored = self._files.store(partial(self._source.open, item), self._reading)
        except SourceUnreadable as error:
            self._reading = None
            self.tally.skip(Skipped(path_of(self._root, item.path), str(error)))
            self._tree.spoil()
            return None
        self._reading = None
        if stored.restless:
            self.tally.warn(path_of(self._root, item.path), RESTLESS)
        self._count(stored.entry.size)
        return stored.entry

    def _look_around(self) -> None:
        """Look at the clock, and take what the workers have done; wait only if we are far ahead.

        Where files are not read one by one between two looks, every few items will do.
        """
        self._since_look += 1
        if self._apart is not None and self._since_look < LOOK_EVERY:
            return
        self._since_look = 0
        self._tick()
        if self._is_ahead:
            self._await(lambda: not self._is_ahead)
        elif self._apart is not None:
            self._take(0)
        self._checkpoint()

    @property
    def _is_ahead(self) -> bool:
        return self._apart is not None and (self._apart.is_busy or self._tree.waiting > MAX_WAITING)

    def _await(self, is_done: Callable[[], bool]) -> None:
        while not is_done():
            assert self._apart is not None  # nothing else is waited for
            self._apart.hand_over()
            self._take(WAIT_SECONDS)
            self._tick()
            self._report()  # also while one large file is all that there is to do
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Begin a checkpoint where one is due; note it once the workers, who go on, have published their part."""
        if self._checkpoints is None:
            return
        if self._noting is None:
            if not self._checkpoints.is_due(self.tally.bytes_read):
                return
            begun_bytes = self._tree.begun_bytes + (self._reading.size if self._reading is not None else 0)
            self._noting = Noted(self._tree.so_far(self._begun()), self.tally.size + begun_bytes)
            if self._apart is not None:
                self._apart.begin_publishing()
        if self._apart is None or self._apart.is_published:
            self._writer.flush()
            self._checkpoints.note(self._noting, self.tally.bytes_read)
            self._noting = None

    def _take(self, seconds: float) -> None:
        assert self._apart is not None
        for outcome in self._apart.outcomes(seconds):
            self._settle(outcome)
        self._tree.advance()

    def _settle(self, outcome: Outcome) -> None:
        slot = outcome.slot
        slot.is_settled, slot.encoded = True, outcome.encoded
        if outcome.encoded is None:
            self.tally.skip(Skipped(slot.path, outcome.reason))
            return
        if outcome.restless:
            self.tally.warn(slot.path, RESTLESS)
        self._count(outcome.size)
        if self._progress is not None:
            self._report(slot.path)

    def _count(self, size: int) -> None:
        self.tally.files += 1
        self.tally.size += size

    def _count_read(self, length: int) -> None:
        self.tally.bytes_read += length

    def _on_bytes(self, length: int) -> None:
        self._count_read(length)
        self._tick()
        self._report()
        if self._reading is not None:
            self._checkpoint()

    def _report(self, path: bytes | None = None) -> None:
        if self._progress is not None:
            at = path_of(self._root, self._path) if path is None else path
            self._progress(Progress(self.tally.files, self.tally.bytes_read, at))
