"""Restoring files in worker processes: each fetches, opens, checks and writes; folders stay with the caller."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import count as count_up
from operator import itemgetter

from holdfast.backup.contents import File
from holdfast.backup.entry import Entry, Path
from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.mark import LOOKUP_BATCH, batches
from holdfast.backup.pack_reader import SealedFooters
from holdfast.backup.parallel import each
from holdfast.backup.places import answer_places
from holdfast.backup.reader import ChunkReader, PlacesByPack, by_pack
from holdfast.backup.remote import is_remote, requests_at_once
from holdfast.backup.repository import Repository
from holdfast.backup.restore_parts import LARGE_BYTES, Done, LargeRestore, parts_of
from holdfast.backup.restore_worker import PART, files_job, part_job, prepare
from holdfast.backup.targets import WritesByPath
from holdfast.backup.workers import Workers
from holdfast.errors import IntegrityError, StoreDenied

GATHERED = 16_000
"""Files gathered before they are sorted: about 1 KiB of memory each; so many more may be on their way to workers."""
GATHERED_FIRST, GATHERED_NEXT = 500, 2_000
"""So many are enough at the start, and later where workers have room: what each gathering shares with others is opened
again, so that few begin the work and most come together."""
GATHERED_ITEMS = 100_000
"""Chunks and holes of the files gathered: about 70 bytes each."""
JOB_BYTES = 8 * 1024 * 1024
JOB_FILES = 1024
NOWHERE = Place(PackId(""), 0)

Job = tuple[object, str]
"""What a worker is to do, and what people may call it."""


class RestoreApart:
    """Hands files to worker processes, those that begin with the same chunk to the same one.

    Files are gathered, the more the longer the workers are busy, and sorted by where their content begins: what
    several files have in common is then read and opened once. Large ones go first, in parts, each to whoever is free.
    A folder gets its metadata once all files gathered with it are done.
    """

    def __init__(self, repository: Repository, reader: ChunkReader, target: WritesByPath, count: int) -> None:
        self._index = repository.index
        self._at_once = requests_at_once(repository.index)
        self._footers = SealedFooters(repository.objects) if is_remote(repository.objects) else None
        self._reader = reader
        self._target = target
        self._workers = Workers(count, partial(prepare, repository, target), partial(answer_places, repository.index))
        self._gathered: list[File] = []
        self._items = 0
        self._gathering = 0
        self._line: Iterator[Job] = iter(())
        self._is_line_empty = True
        self._large: dict[int, LargeRestore] = {}
        self._numbers = count_up()
        self._jobs: Counter[int] = Counter()
        self._done: deque[Done] = deque()
        self._folders: deque[tuple[int, Path, Entry]] = deque()

    def write(self, path: Path, entry: Entry) -> None:
        """Take a file on, whose folder was entered before."""
        self._gathered.append((path, entry))
        self._items += len(entry.content)

    def leave(self, path: Path, entry: Entry) -> None:
        """Give the folder its metadata, after the files taken on so far."""
        self._folders.append((self._gathering, path, entry))

    def done(self, *, wait: bool) -> Iterator[Done]:
        """Keep the workers busy; yield what is done by now, or, to `wait`, all that was taken on."""
        is_full = len(self._gathered) >= GATHERED or self._items >= GATHERED_ITEMS
        yield from self._feed(wait=wait or is_full)
        enough = GATHERED_NEXT if self._gathering else GATHERED_FIRST
        is_time = self._workers.has_room and len(self._gathered) >= enough
        if self._is_line_empty and (wait or is_full or is_time):
            self._line = self._jobs_of(self._gathering, self._gathered)
            self._is_line_empty = False
            self._gathered, self._items = [], 0
            self._gathering += 1
            yield from self._feed(wait=wait)
        yield from self._take(0)
        while wait and not (self._workers.is_idle and not self._folders):
            yield from self._take(None)

    def _feed(self, *, wait: bool) -> Iterator[Done]:
        """Submit jobs while workers have room; to `wait`, all there are."""
        while not self._is_line_empty and (wait or self._workers.has_room):
            job = next(self._line, None)
            self._is_line_empty = job is None
            if job is not None:
                self._workers.submit(*job)
            yield from self._take(0)

    def _jobs_of(self, gathering: int, files: Sequence[File]) -> Iterator[Job]:
        for path, entry in files:
            if entry.size > LARGE_BYTES:
                yield from self._parts(gathering, path, entry)
        small = [file for file in files if file[1].size <= LARGE_BYTES]
        firsts = self._look_up({first for _, entry in small if (first := _first(entry)) is not None})
        jobs = list(_sorted_jobs(small, firsts))
        known = each(partial(self._known_of, firsts), jobs, self._at_once)
        for job, (places, footers) in zip(jobs, known, strict=True):
            self._jobs[gathering] += 1
            yield files_job(gathering, job, places, footers), f"{_shown(job[0][0])} and {len(job) - 1} other files"

    def _known_of(
        self, known: Mapping[ChunkId, Place], job: Sequence[File]
    ) -> tuple[PlacesByPack, Mapping[PackId, bytes]]:
        """Return where the chunks of a job's files are, and the footers that several workers would each ask for.

        Called in threads where the index is remote.
        """
        places = by_pack(self._places_of(known, job))
        return places, self._footers.of(places) if self._footers else {}

    def _places_of(self, known: Mapping[ChunkId, Place], job: Sequence[File]) -> dict[ChunkId, Place]:
        """Return where the chunks of a job's files are."""
        wanted = {item for _, entry in job for item in entry.content if not isinstance(item, int)}
        return self._look_up(wanted - known.keys()) | {chunk: known[chunk] for chunk in wanted & known.keys()}

    def _look_up(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        places: dict[ChunkId, Place] = {}
        for found in each(self._index.named, batches(chunks, LOOKUP_BATCH), self._at_once):
            places |= found
        return places

    def _parts(self, gathering: int, path: Path, entry: Entry) -> Iterator[Job]:
        """Yield the jobs of a large file, until one of them fails."""
        try:
            file = self._target.begin_parts(path, entry)
        except StoreDenied as error:
            self._done.append(Done(0, 0, [(path, str(error))]))
            return
        number = next(self._numbers)
        large = self._large[number] = LargeRestore(path, entry, file, gathering)
        self._jobs[gathering] += 1
        try:
            for part in parts_of(self._reader, entry):
                if large.problem:
                    break
                large.given += 1
                yield part_job(number, file.unfinished, part), f"{_shown(path)} from {part[0][0]}"
        except IntegrityError as error:
            large.problem = large.problem or str(error)
        large.is_all_given = True
        self._end(number)

    def _end(self, number: int) -> None:
        """Give a large file its name, or drop it, if its last part is done."""
        large = self._large[number]
        if large.is_over:
            del self._large[number]
            self._jobs[large.gathering] -= 1
            self._done.append(large.end())

    def _take(self, seconds: float | None) -> Iterator[Done]:
        for kind, number, result in self._workers.results(seconds):
            if kind == PART:
                self._take_part(number, *result)
            else:
                files, bytes_written, failed, warnings = result
                self._jobs[number] -= 1
                self._target.warn(warnings)
                self._done.append(Done(files, bytes_written, failed))
        self._leave_folders()
        while self._done:
            yield self._done.popleft()

    def _take_part(self, number: int, bytes_written: int, problem: str) -> None:
        large = self._large[number]
        large.done += 1
        large.written += bytes_written
        large.problem = large.problem or problem
        self._done.append(Done(0, bytes_written, []))
        self._end(number)

    def _leave_folders(self) -> None:
        while self._folders and self._is_done(self._folders[0][0]):
            _, path, entry = self._folders.popleft()
            try:
                self._target.leave_path(path, entry)
            except StoreDenied as error:
                self._done.append(Done(0, 0, [(path, str(error))]))

    def _is_done(self, gathering: int) -> bool:
        """Say whether every file of this gathering and those before is there."""
        given = self._gathering if self._is_line_empty else self._gathering - 1
        return gathering < given and not any(left for number, left in self._jobs.items() if number <= gathering)

    def close(self) -> None:
        """End the workers, then remove the large files that are not whole."""
        self._workers.close()
        while self._large:
            self._large.popitem()[1].file.close()


def _sorted_jobs(files: Sequence[File], places: Mapping[ChunkId, Place]) -> Iterator[list[File]]:
    """Yield jobs of about `JOB_BYTES`; files that begin in one pack stay together, up to four times that."""
    keyed = [(_start(file[1], places), file) for file in files]
    keyed.sort(key=itemgetter(0))
    job: list[File] = []
    size, last = 0, NOWHERE.pack
    for start, file in keyed:
        if size >= 4 * JOB_BYTES or len(job) >= JOB_FILES or (size >= JOB_BYTES and start.pack != last):
            yield job
            job, size = [], 0
        job.append(file)
        size, last = size + file[1].size, start.pack
    if job:
        yield job


def _start(entry: Entry, places: Mapping[ChunkId, Place]) -> Place:
    first = _first(entry)
    return NOWHERE if first is None else places.get(first, NOWHERE)


def _first(entry: Entry) -> ChunkId | None:
    for item in entry.content[:2]:  # there are no two holes in a row
        if not isinstance(item, int):
            return item
    return None


def _shown(path: Path) -> str:
    return repr(b"/".join(path).decode(errors="backslashreplace"))
