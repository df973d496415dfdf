"""Restoring files in worker processes: each fetches, opens, checks and writes; folders stay with the caller."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count as count_up
from operator import itemgetter
from typing import Any

from holdfast.backup.content import FileContent
from holdfast.backup.entry import Entry, Path, decode_entry, encode_entry
from holdfast.backup.ids import ChunkId
from holdfast.backup.mark import LOOKUP_BATCH, batches
from holdfast.backup.places import answer_places, reader_apart
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.restore_parts import LARGE_BYTES, Done, LargeFile, parts_of, write_part
from holdfast.backup.targets import Unfinished, WritesByPath
from holdfast.backup.wire import unpack
from holdfast.backup.workers import Ask, Work, Workers
from holdfast.errors import IntegrityError, StoreDenied

GATHERED = 30_000
"""Files gathered before they are sorted: about 40 MiB of memory."""
GATHERED_FIRST = 2_000
"""The first time, so that the workers begin soon; twice as many each time after, up to `GATHERED`."""
FILES, PART = 0, 1
"""What a job is: whole files, or a part of a large one."""
JOB_BYTES = 8 * 1024 * 1024
JOB_FILES = 1024
NOWHERE = ("", 0)
CACHE_BYTES = 16 * 1024 * 1024
"""Of each worker: neighbouring files share solid blocks, and equal files come close to each other."""


class RestoreApart:
    """Hands files to worker processes, those that begin with the same chunk to the same one.

    Files are gathered, in the end 30,000 at a time, and sorted by where their content begins: what several files have
    in common is then read and opened once. Large ones go first, in parts, each to whoever is free. A folder gets its
    metadata once all files gathered with it are done.
    """

    def __init__(self, repository: Repository, reader: ChunkReader, target: WritesByPath, count: int) -> None:
        self._index = repository.index
        self._reader = reader
        self._target = target
        self._workers = Workers(count, partial(_prepare, repository, target), partial(answer_places, repository.index))
        self._gathered: list[tuple[Path, Entry]] = []
        self._large: dict[int, LargeFile] = {}
        self._gathering = 0
        self._most = min(GATHERED_FIRST, GATHERED)
        self._numbers = count_up()
        self._jobs: Counter[int] = Counter()
        self._folders: deque[tuple[int, Path, Entry]] = deque()

    def write(self, path: Path, entry: Entry) -> None:
        """Take a file on, whose folder was entered before."""
        self._gathered.append((path, entry))

    def leave(self, path: Path, entry: Entry) -> None:
        """Give the folder its metadata, after the files taken on so far."""
        self._folders.append((self._gathering, path, entry))

    def done(self, *, wait: bool) -> Iterator[Done]:
        """Yield what is done by now, or, to `wait`, all that was taken on."""
        if wait or len(self._gathered) >= self._most:
            self._most = min(2 * self._most, GATHERED)
            for path, entry in self._take_large():
                yield from self._spread(path, entry)
            for job in self._sorted_jobs():
                self._jobs[self._gathering] += 1
                encoded = [(path, encode_entry(entry)) for path, entry in job]
                name = f"{_shown(job[0][0])} and {len(job) - 1} other files"
                self._workers.submit([FILES, self._gathering, encoded], name)
                yield from self._take(0)
            self._gathering += 1
        yield from self._take(0)
        while wait and not (self._workers.is_idle and not self._folders):
            yield from self._take(None)

    def _take_large(self) -> list[tuple[Path, Entry]]:
        large = [file for file in self._gathered if file[1].size > LARGE_BYTES]
        if large:
            self._gathered = [file for file in self._gathered if file[1].size <= LARGE_BYTES]
        return large

    def _spread(self, path: Path, entry: Entry) -> Iterator[Done]:
        """Give a large file's parts to the workers, until one of them fails."""
        try:
            file = self._target.begin_parts(path, entry)
        except StoreDenied as error:
            yield Done(0, 0, [(path, str(error))])
            return
        number = next(self._numbers)
        large = self._large[number] = LargeFile(path, entry, file, self._gathering)
        self._jobs[self._gathering] += 1
        try:
            for part in parts_of(self._reader, entry):
                if large.problem:
                    break
                large.given += 1
                self._workers.submit([PART, number, [file.unfinished, part]], f"{_shown(path)} from {part[0][0]}")
                yield from self._take(0)
        except IntegrityError as error:
            large.problem = large.problem or str(error)
        large.is_all_given = True
        yield from self._end(number)

    def _end(self, number: int) -> Iterator[Done]:
        """Give a large file its name, or drop it, if its last part is done."""
        large = self._large[number]
        if not large.is_over:
            return
        del self._large[number]
        self._jobs[large.gathering] -= 1
        yield large.end()

    def _sorted_jobs(self) -> Iterator[list[tuple[Path, Entry]]]:
        """Yield jobs of about `JOB_BYTES`; files that begin alike stay together, up to four times that."""
        files, self._gathered = self._gathered, []
        starts = self._starts([entry for _, entry in files])
        keyed = sorted(((starts.get(_first(entry), NOWHERE), path, entry) for path, entry in files), key=itemgetter(0))
        job: list[tuple[Path, Entry]] = []
        size, last = 0, NOWHERE
        for start, path, entry in keyed:
            if size >= 4 * JOB_BYTES or len(job) >= JOB_FILES or (size >= JOB_BYTES and start != last):
                yield job
                job, size = [], 0
            job.append((path, entry))
            size, last = size + entry.size, start
        if job:
            yield job

    def _starts(self, entries: Sequence[Entry]) -> dict[ChunkId | None, tuple[str, int]]:
        firsts = {first for entry in entries if (first := _first(entry)) is not None}
        places: dict[ChunkId | None, tuple[str, int]] = {}
        for batch in batches(firsts, LOOKUP_BATCH):
            found = self._index.readable(batch)
            places |= {chunk: (place.pack, place.ordinal) for chunk, place in found.items()}
        return places

    def _take(self, seconds: float | None) -> Iterator[Done]:
        for kind, number, result in self._workers.results(seconds):
            if kind == PART:
                yield from self._take_part(number, *result)
                continue
            files, bytes_written, failed, warnings = result
            self._jobs[number] -= 1
            self._target.warn(warnings)
            yield Done(files, bytes_written, failed)
        if failures := self._leave_folders():
            yield Done(0, 0, failures)

    def _take_part(self, number: int, bytes_written: int, problem: str) -> Iterator[Done]:
        large = self._large[number]
        large.done += 1
        large.written += bytes_written
        large.problem = large.problem or problem
        yield Done(0, bytes_written, [])
        yield from self._end(number)

    def _leave_folders(self) -> list[tuple[Path, str]]:
        failed = []
        while self._folders and self._is_done(self._folders[0][0]):
            _, path, entry = self._folders.popleft()
            try:
                self._target.leave_path(path, entry)
            except StoreDenied as error:
                failed.append((path, str(error)))
        return failed

    def _is_done(self, gathering: int) -> bool:
        """Say whether every file of this gathering and those before is there."""
        is_given = gathering < self._gathering
        return is_given and not any(left for number, left in self._jobs.items() if number <= gathering)

    def close(self) -> None:
        """End the workers, then remove the large files that are not whole."""
        self._workers.close()
        while self._large:
            self._large.popitem()[1].file.close()


def _first(entry: Entry) -> ChunkId | None:
    return next((item for item in entry.content[:2] if not isinstance(item, int)), None)


def _shown(path: Path) -> str:
    return repr(b"/".join(path).decode(errors="backslashreplace"))


def _prepare(repository: Repository, whole: WritesByPath, ask: Ask) -> Work:
    reader = reader_apart(repository, ask, cache_bytes=CACHE_BYTES)
    target = whole.apart()
    told = 0

    def files(encoded: Any) -> Any:
        nonlocal told
        entries = [(path, decode_entry(unpack(data, "an entry of our own"))) for path, data in encoded]
        content = FileContent(reader)
        content.prefetch([entry for _, entry in entries])
        failed = []
        for path, entry in entries:
            try:
                target.write_path(path, entry, content.of(entry))
            except (IntegrityError, StoreDenied) as error:
                failed.append((path, str(error)))
        warnings, told = list(target.warnings[told:]), len(target.warnings)
        return len(entries) - len(failed), content.bytes_given, failed, warnings

    def part(job: Any) -> Any:
        file, pieces = job
        try:
            return write_part(reader, target, Unfinished(*file), pieces), ""
        except (IntegrityError, StoreDenied) as error:
            return 0, str(error)

    def work(job: Any) -> Any:
        kind, number, what = job
        return kind, number, part(what) if kind == PART else files(what)

    return work
