"""Storing files in worker processes: each reads, cuts, hashes, compresses and seals into packs of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.backup.begun import FileSoFar
from holdfast.backup.chunking import load_cutter
from holdfast.backup.entry import Entry, Path, decode_entry, encode_entry
from holdfast.backup.ids import PackId
from holdfast.backup.large_file import LargeFile, Part, StoredPart
from holdfast.backup.parallel import beside
from holdfast.backup.promises import AskedClaims, AskedRegister, answer
from holdfast.backup.remote import is_remote, of_worker
from holdfast.backup.repository import Repository
from holdfast.backup.sources import ReadsByPath, path_of
from holdfast.backup.store_file import FileStore
from holdfast.backup.store_job import JobStore
from holdfast.backup.wire import unpack
from holdfast.backup.writer import ChunkWriter

if TYPE_CHECKING:
    from holdfast.backup.workers import Ask, Work, Workers

APART_BYTES = 24 * 1024 * 1024
APART_FILES = 1000
"""Worker processes are started for more than one of these: what takes 0.1 s is not worth four processes and packs.

At 16 MiB four of them end a backup 0.03 s sooner and take 0.07 s of CPU more, two fifths of it.
"""
JOB_BYTES = 4 * 1024 * 1024
JOB_FILES = 256
JOB_PATH_BYTES = 32 * 1024
"""A job is handed over when its files reach one of these. Its paths fit into a socket's buffer twice, so that neither
side ever waits for the other to read."""
LINE = 32
"""So many jobs wait at most before the caller does: enough to give out the largest first when no more come."""

FLUSHED = 0
"""In place of a job's number: the worker has published all it had."""


class Slot:
    """The file at `below` of `root`, whose entry is still to come; `encoded` stays None if it cannot be read."""

    __slots__ = ("below", "encoded", "is_settled", "name", "root", "so_far")

    def __init__(self, root: bytes, below: bytes, name: bytes, so_far: FileSoFar | None = None) -> None:
        self.root = root
        self.below = below
        self.name = name
        self.so_far = so_far
        self.is_settled = False
        self.encoded: bytes | None = None

    @property
    def path(self) -> bytes:
        """The full path, for people."""
        return path_of(self.root, (self.below,) if self.below else ())

    @property
    def entry(self) -> Entry:
        """The entry, once it has come."""
        assert self.encoded is not None  # asked only of files that were read
        return _decoded(self.encoded)


def _decoded(encoded: bytes) -> Entry:
    return decode_entry(unpack(encoded, "an entry of our own"))


class Outcome(NamedTuple):
    """What became of one file."""

    slot: Slot
    encoded: bytes | None
    size: int = 0
    restless: bool = False
    reason: str = ""


class Written(NamedTuple):
    """What one writer stored."""

    bytes_added: int
    bytes_stored: int
    packs: Sequence[PackId]

    @classmethod
    def by(cls, writer: ChunkWriter) -> Written:
        """Return what a flushed writer has stored."""
        return cls(writer.bytes_added, writer.bytes_stored, writer.packs_added)


class _Job:
    """Files to store one after the other; or one file's part."""

    def __init__(self, root: bytes, large: LargeFile | None = None, part: Part | None = None) -> None:
        self.root = root
        self.slots: list[Slot] = []
        self.file_bytes = 0
        self.path_bytes = 0
        self.large = large
        self.part = part

    @property
    def is_full(self) -> bool:
        return self.file_bytes >= JOB_BYTES or len(self.slots) >= JOB_FILES or self.path_bytes >= JOB_PATH_BYTES

    @property
    def paths(self) -> list[bytes]:
        return [slot.below for slot in self.slots]

    def add(self, slot: Slot, size: int) -> None:
        self.slots.append(slot)
        self.file_bytes += size
        self.path_bytes += len(slot.below)

    def __str__(self) -> str:
        first = self.slots[0].path.decode(errors="backslashreplace")
        return f"{first!r} and {len(self.slots) - 1} other files" if self.part is None else f"{first!r}"


class FilesApart:
    """Takes files on in jobs of a few MiB; outcomes come in any order.

    There are `count` worker processes for them once there is enough to do. Until then jobs wait, and whoever waits for
    an outcome has them done in this process, through `files`.
    """

    def __init__(
        self, repository: Repository, files: FileStore, source: ReadsByPath, count: int, on_bytes: Callable[[int], None]
    ) -> None:
        """`on_bytes` is told what workers read; `files` tells of itself."""

        def start() -> Workers:
            from holdfast.backup.workers import Workers  # most runs need none, and not what they load

            files.writer.rest()
            load_cutter()
            work = partial(_prepare, repository, files, source)
            return Workers(count, work, partial(answer, files.writer.register))

        self._start = start
        self._is_remote = is_remote(repository.index)
        self._workers: Workers | None = None
        self._files = files
        self._here = JobStore(source, files)
        self._on_bytes = on_bytes
        self._job: _Job | None = None
        self._line: deque[_Job] = deque()
        self._given: dict[int, _Job] = {}
        self._number = 0
        self._met_bytes = self._met_files = 0
        self._unpublished = 0

    def store(self, root: bytes, path: Path, found: Entry, so_far: FileSoFar | None) -> Slot:
        """Take a file on; it is read soon, in parts and without what is stored of it already if `so_far` is given."""
        slot = Slot(root, b"/".join(path), found.name, so_far)
        self._met_bytes += found.size
        self._met_files += 1
        if so_far is not None:
            large = LargeFile(found.size, self._files.limits.average, so_far)
            self._line.extend(_part_job(slot, large, part) for part in large.parts())
            self._give()
            return slot
        if self._job is None or self._job.root != root:
            self.hand_over()
            self._job = _Job(root)
        self._job.add(slot, found.size)
        if self._job.is_full:
            self.hand_over()
        return slot

    def hand_over(self) -> None:
        """Let what was taken on be done now."""
        job, self._job = self._job, None
        if job is not None:
            self._line.append(job)
        self._give()

    def all_taken(self) -> None:
        """Let what was taken on be done now, the largest first: no more comes."""
        self.hand_over()
        self._line = deque(sorted(self._line, key=lambda job: -job.file_bytes))

    def _give(self) -> None:
        if self._workers is None and (self._met_bytes > APART_BYTES or self._met_files > APART_FILES):
            self._workers = self._start()
        while self._line and self._workers is not None and self._workers.has_room:
            job = self._line.popleft()
            self._workers.submit([self._note(job), job.root, job.paths, job.part], str(job))

    def _note(self, job: _Job) -> int:
        self._number += 1
        self._given[self._number] = job
        return self._number

    @property
    def is_busy(self) -> bool:
        """Whether enough waits to be done, so that the caller may as well wait."""
        return self._workers is not None and len(self._line) >= LINE

    @property
    def is_idle(self) -> bool:
        """Whether every file taken on has had its outcome."""
        return self._job is None and not self._line and (self._workers is None or self._workers.is_idle)

    def begin_publishing(self) -> None:
        """Have the workers publish what they have stored for files taken on so far; what they do next goes on."""
        if self._workers is not None:
            self._unpublished += self._workers.tell_all(None, "publishing what it had stored")

    @property
    def is_published(self) -> bool:
        """Whether all have done so; to be asked after the outcomes were taken."""
        return self._unpublished == 0

    def outcomes(self, seconds: float) -> list[Outcome]:
        """Return the outcomes that are there; wait up to `seconds` if there is none yet."""
        if self._workers is not None:
            found = [outcome for result in self._workers.results(seconds) for outcome in self._of(*result)]
            self._give()
            return found
        if seconds == 0 or not self._line:
            return []
        job = self._line.popleft()
        return self._of(self._note(job), 0, self._here.do(job.root, job.paths, job.part))

    def _of(self, number: int, bytes_read: int, results: Sequence[Any]) -> list[Outcome]:
        if number == FLUSHED:
            self._unpublished -= 1
            return []
        job = self._given.pop(number)
        self._on_bytes(bytes_read)
        if job.large is None or job.part is None:
            return [Outcome(slot, *result) for slot, result in zip(job.slots, results, strict=True)]
        encoded, *stored = results
        part = None if encoded is None else StoredPart(_decoded(encoded), *stored)
        return self._put_together(job, job.large, job.part, part)

    def _put_together(self, job: _Job, large: LargeFile, part: Part, stored: StoredPart | None) -> list[Outcome]:
        """Put a part to the others; a file that changed meanwhile, or cannot be read, is read anew in one piece."""
        if large.has_changed:
            return []
        again = large.take(part, stored) if stored is not None else None
        if stored is None or large.has_changed:
            large.has_changed = True
            job.slots[0].so_far = None
            self._line = deque(other for other in self._line if other.large is not large)
            self._line.appendleft(_whole_job(job.slots[0]))
        elif again is not None:
            self._line.appendleft(_part_job(job.slots[0], large, again))
        elif large.is_whole:
            entry = large.entry()
            return [Outcome(job.slots[0], encode_entry(entry), entry.size)]
        return []

    def flush(self, meanwhile: Callable[[], None]) -> list[Written]:
        """Make everything workers stored durable and published, and do something else `meanwhile`.

        What no outcome was taken of is not in any tree.
        """
        self._job = None
        self._line.clear()
        if self._workers is None:
            meanwhile()
            return []
        while not self._workers.is_idle:  # stopped in the middle: these come too late
            deque(self._workers.results(None), maxlen=0)
        self._workers.tell_all(None, "publishing its last pack")
        if self._is_remote:  # the workers have claims to ask for while the caller waits for its own answers
            results, _ = beside(self._workers.all_done, meanwhile)
        else:
            meanwhile()
            results = self._workers.all_done()
        return [Written(*written) for _, _, written in results]

    def close(self) -> None:
        """End the workers; what they had not published is lost."""
        if self._workers is not None:
            self._workers.close()


def _whole_job(slot: Slot) -> _Job:
    job = _Job(slot.root)
    job.add(slot, 0)
    return job


def _part_job(slot: Slot, large: LargeFile, part: Part) -> _Job:
    job = _Job(slot.root, large, part)
    job.add(slot, part.end - part.begin)
    return job


def _prepare(repository: Repository, files: FileStore, source: ReadsByPath, ask: Ask) -> Work:
    from holdfast.backup.workers import keep_buffers_for

    mine = of_worker(repository)
    keep_buffers_for(mine.objects)
    register = AskedClaims(ask) if is_remote(mine.index) else AskedRegister(ask)
    writer = ChunkWriter(mine, files.writer.session, register)
    bytes_read = 0

    def count(length: int) -> None:
        nonlocal bytes_read
        bytes_read += length

    jobs = JobStore(source, FileStore(writer, files.limits, files.secret, count))

    def work(job: Any) -> Any:
        nonlocal bytes_read
        if job is None:
            writer.flush()
            return FLUSHED, 0, Written.by(writer)
        number, root, paths, part = job
        bytes_read = 0
        results = jobs.do(root, paths, part)
        return number, bytes_read, results

    return work
