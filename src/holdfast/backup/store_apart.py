"""Storing files in worker processes: each reads, cuts, hashes, compresses and seals into packs of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from holdfast.backup.entry import Entry, Path, decode_entry, encode_entry
from holdfast.backup.ids import PackId, SnapshotId
from holdfast.backup.promises import AskedRegister, IndexRegister, SharedRegister
from holdfast.backup.repository import Repository
from holdfast.backup.sources import ReadsByPath, path_of
from holdfast.backup.store_file import FileStore
from holdfast.backup.wire import unpack
from holdfast.backup.workers import Ask, Work, Workers
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import SourceUnreadable

JOB_BYTES = 4 * 1024 * 1024
JOB_FILES = 128
JOB_PATH_BYTES = 32 * 1024
"""A job is handed over when its files reach one of these. Its paths fit into a socket's buffer twice, so that neither
side ever waits for the other to read."""

FLUSHED = 0
"""In place of a job's number: the worker has published all it had."""


@dataclass(slots=True, eq=False)
class Slot:
    """A file whose entry is still to come; `encoded` stays None if it cannot be read."""

    path: bytes
    name: bytes
    is_settled: bool = False
    encoded: bytes | None = None

    @property
    def entry(self) -> Entry:
        """The entry, once it has come."""
        assert self.encoded is not None  # asked only of files that were read
        return decode_entry(unpack(self.encoded, "an entry of our own"))


class Outcome(NamedTuple):
    """What became of one file."""

    slot: Slot
    encoded: bytes | None
    size: int
    bytes_read: int
    restless: bool
    reason: str


class Written(NamedTuple):
    """What one writer stored."""

    bytes_added: int
    bytes_stored: int
    packs: Sequence[PackId]


@dataclass(slots=True)
class _Job:
    root: bytes
    slots: list[Slot] = field(default_factory=list)
    paths: list[bytes] = field(default_factory=list)
    file_bytes: int = 0
    path_bytes: int = 0

    @property
    def is_full(self) -> bool:
        return self.file_bytes >= JOB_BYTES or len(self.paths) >= JOB_FILES or self.path_bytes >= JOB_PATH_BYTES


class FilesApart:
    """Hands files to worker processes in jobs of a few MiB; outcomes come back in any order."""

    def __init__(self, repository: Repository, session: SnapshotId, source: ReadsByPath, count: int) -> None:
        shared = SharedRegister(IndexRegister(repository.index))
        self._workers = Workers(count, partial(_prepare, repository, session, source), shared.answer)
        self._job: _Job | None = None
        self._given: dict[int, list[Slot]] = {}
        self._number = 0
        self._unpublished = 0

    def store(self, root: bytes, path: Path, found: Entry) -> Slot:
        """Take a file on; it is read soon."""
        slot = Slot(path_of(root, path), found.name)
        if self._job is None or self._job.root != root:
            self.hand_over()
            self._job = _Job(root)
        joined = b"/".join(path)
        self._job.slots.append(slot)
        self._job.paths.append(joined)
        self._job.file_bytes += found.size
        self._job.path_bytes += len(joined)
        if self._job.is_full:
            self.hand_over()
        return slot

    def hand_over(self) -> None:
        """Give the workers what was taken on."""
        job, self._job = self._job, None
        if job is None:
            return
        self._number += 1
        self._given[self._number] = job.slots
        first = job.slots[0].path.decode(errors="backslashreplace")
        self._workers.submit([self._number, job.root, job.paths], f"{first!r} and {len(job.slots) - 1} other files")

    @property
    def is_busy(self) -> bool:
        """Whether the workers have enough to do, so that the caller may as well wait."""
        return not self._workers.has_room

    @property
    def is_idle(self) -> bool:
        """Whether every file taken on has had its outcome."""
        return self._job is None and self._workers.is_idle

    def begin_publishing(self) -> None:
        """Have the workers publish what they have stored for files taken on so far; what they do next goes on."""
        self._unpublished += self._workers.tell_all(None, "what it had stored")

    @property
    def is_published(self) -> bool:
        """Whether all have done so; to be asked after the outcomes were taken."""
        return self._unpublished == 0

    def outcomes(self, seconds: float) -> list[Outcome]:
        """Return the outcomes that are there; wait up to `seconds` if there is none yet."""
        return [outcome for result in self._workers.results(seconds) for outcome in self._of(result)]

    def _of(self, result: tuple[int, list[Any]]) -> list[Outcome]:
        number, files = result
        if number == FLUSHED:
            self._unpublished -= 1
            return []
        return [Outcome(slot, *file) for slot, file in zip(self._given.pop(number), files, strict=True)]

    def flush(self) -> list[Written]:
        """Make everything stored durable and published; what no outcome was taken of is not in any tree."""
        self._job = None
        while not self._workers.is_idle:  # stopped in the middle: these come too late
            deque(self._workers.results(None), maxlen=0)
        return [Written(*written) for _, written in self._workers.all_do(None, "its last pack")]

    def close(self) -> None:
        """End the workers; what they had not published is lost."""
        self._workers.close()


def _prepare(repository: Repository, session: SnapshotId, source: ReadsByPath, ask: Ask) -> Work:
    writer = ChunkWriter(repository, session, AskedRegister(ask))
    files = _Files(source, writer, repository)

    def work(job: Any) -> Any:
        if job is None:
            writer.flush()
            return FLUSHED, (writer.bytes_added, writer.bytes_stored, writer.packs_added)
        number, root, paths = job
        return number, [files.store(root, tuple(path.split(b"/")) if path else ()) for path in paths]

    return work


class _Files:
    """What a worker does with a file."""

    def __init__(self, source: ReadsByPath, writer: ChunkWriter, repository: Repository) -> None:
        self._source = source
        self._read = 0
        self._files = FileStore(writer, repository.limits, repository.keyring.chunker, self._count)

    def _count(self, length: int) -> None:
        self._read += length

    def store(self, root: bytes, path: Path) -> tuple[bytes | None, int, int, bool, str]:
        self._read = 0
        opened: Callable[[], Any] = partial(self._source.open_path, root, path)
        try:
            stored = self._files.store(opened)
        except SourceUnreadable as error:
            return None, 0, self._read, False, str(error)
        return encode_entry(stored.entry), stored.entry.size, self._read, stored.restless, ""
