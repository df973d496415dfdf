"""Restoring files in worker processes: each fetches, opens, checks and writes; folders stay with the caller."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from holdfast.backup.content import FileContent
from holdfast.backup.entry import Entry, Path, decode_entry, encode_entry
from holdfast.backup.places import answer_places, reader_apart
from holdfast.backup.repository import Repository
from holdfast.backup.targets import WritesByPath
from holdfast.backup.wire import unpack
from holdfast.backup.workers import Ask, Work, Workers
from holdfast.errors import IntegrityError, StoreDenied

CACHE_BYTES = 24 * 1024 * 1024
"""Of each worker: neighbouring files share solid blocks, and equal files come close to each other."""


class Done(NamedTuple):
    """What a job of files came to."""

    files: int
    bytes_written: int
    failed: Sequence[tuple[Path, str]]


class RestoreApart:
    """Hands files to worker processes; a folder gets its metadata once all that was handed over before it is done."""

    def __init__(self, repository: Repository, target: WritesByPath, count: int) -> None:
        self._target = target
        self._workers = Workers(count, partial(_prepare, repository, target), partial(answer_places, repository.index))
        self._next = 0
        self._open: set[int] = set()
        self._folders: deque[tuple[int, Path, Entry]] = deque()

    def write(self, files: Sequence[tuple[Path, Entry]]) -> None:
        """Take files on, whose folders were entered before."""
        self._open.add(self._next)
        first = b"/".join(files[0][0]).decode(errors="backslashreplace")
        self._workers.submit(
            [self._next, [(path, encode_entry(entry)) for path, entry in files]],
            f"{first!r} and {len(files) - 1} other files",
        )
        self._next += 1

    def leave(self, path: Path, entry: Entry) -> None:
        """Give the folder its metadata, after the files taken on so far and with the next call of `write`."""
        self._folders.append((self._next, path, entry))

    def done(self, *, wait: bool) -> Iterator[Done]:
        """Yield what is done by now, or, to `wait`, all that was taken on."""
        while True:
            for number, files, bytes_written, failed, warnings in self._workers.results(None if wait else 0):
                self._open.discard(number)
                self._target.warn(warnings)
                yield Done(files, bytes_written, failed)
            failures = self._leave_folders()
            if failures:
                yield Done(0, 0, failures)
            if not wait or self._workers.is_idle:
                return

    def _leave_folders(self) -> list[tuple[Path, str]]:
        failed = []
        oldest = min(self._open, default=self._next + 1)
        while self._folders and self._folders[0][0] < oldest:
            _, path, entry = self._folders.popleft()
            try:
                self._target.leave_path(path, entry)
            except StoreDenied as error:
                failed.append((path, str(error)))
        return failed

    def close(self) -> None:
        """End the workers."""
        self._workers.close()


def _prepare(repository: Repository, whole: WritesByPath, ask: Ask) -> Work:
    reader = reader_apart(repository, ask, cache_bytes=CACHE_BYTES)
    target = whole.apart()
    told = 0

    def work(job: Any) -> Any:
        nonlocal told
        number, files = job
        entries = [(path, decode_entry(unpack(encoded, "an entry of our own"))) for path, encoded in files]
        content = FileContent(reader)
        content.prefetch([entry for _, entry in entries])
        failed = []
        for path, entry in entries:
            try:
                target.write_path(path, entry, content.of(entry))
            except (IntegrityError, StoreDenied) as error:
                failed.append((path, str(error)))
        warnings, told = list(target.warnings[told:]), len(target.warnings)
        return number, len(entries) - len(failed), content.bytes_given, failed, warnings

    return work
