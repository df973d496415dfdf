"""What a worker process of a restore is told, and what it does: fetch, open, check and write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from holdfast.backup.contents import File, whole_files
from holdfast.backup.entry import NANOSECONDS, Entry, EntryKind, Path
from holdfast.backup.ids import PackId
from holdfast.backup.places import AskedPlaces
from holdfast.backup.reader import ChunkReader, PlacesByPack
from holdfast.backup.remote import of_worker
from holdfast.backup.repository import Repository
from holdfast.backup.restore_parts import Piece, write_part
from holdfast.backup.targets import Unfinished, WritesByPath
from holdfast.backup.workers import Ask, Work, keep_buffers_for
from holdfast.errors import IntegrityError, StoreDenied

FILES, PART = 0, 1
"""What a job is: whole files, or a part of a large one."""
CACHE_BYTES = 16 * 1024 * 1024
"""Of each worker, for files that are read by themselves: those behind lists, and neighbours of what is damaged."""


def files_job(
    number: int, files: Iterable[File], places: PlacesByPack, footers: Mapping[PackId, bytes]
) -> list[object]:
    """Return the job of writing these files, with what is known of where their chunks are, and of those packs."""
    return [FILES, number, places, footers, [_packed_file(path, entry) for path, entry in files]]


def part_job(number: int, file: Unfinished, part: Sequence[Piece]) -> list[object]:
    """Return the job of writing a part of a large file."""
    return [PART, number, file, part]


def prepare(repository: Repository, whole: WritesByPath, ask: Ask) -> Work:
    """Return what does the jobs, in a worker process."""
    keep_buffers_for(repository.objects)
    return _Worker(repository, whole.apart(), ask).work


class _Worker:
    def __init__(self, repository: Repository, target: WritesByPath, ask: Ask) -> None:
        mine = of_worker(repository)
        self._reader = ChunkReader(mine, index=AskedPlaces(ask, mine.index), cache_bytes=CACHE_BYTES)
        self._target = target
        self._told = 0

    def work(self, job: Any) -> Any:
        """Do one job; return its kind and number, then what it came to."""
        kind, number, *what = job
        return kind, number, self._part(*what) if kind == PART else self._files(*what)

    def _files(self, places: PlacesByPack, footers: Mapping[PackId, bytes], packed_files: Iterable[Any]) -> Any:
        self._reader.learn(footers)
        failed = []
        written = bytes_written = 0
        for (path, entry), content in whole_files(self._reader, (_file(*one) for one in packed_files), places):
            try:
                self._target.write_path(path, entry, content)
                written, bytes_written = written + 1, bytes_written + entry.size
            except (IntegrityError, StoreDenied) as error:
                failed.append((path, str(error)))
        warnings, self._told = list(self._target.warnings[self._told :]), len(self._target.warnings)
        return written, bytes_written, failed, warnings

    def _part(self, file: Any, part: Sequence[Piece]) -> Any:
        try:
            return write_part(self._reader, self._target, Unfinished(*file), part), ""
        except (IntegrityError, StoreDenied) as error:
            return 0, str(error)


def _packed_file(path: Path, entry: Entry) -> tuple[object, ...]:
    """Return what writing a file needs to know: encoding whole entries would cost as much as reading them did."""
    return (
        path,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.user,
        entry.group,
        *divmod(entry.mtime_ns, NANOSECONDS),
        entry.size,
        entry.content,
        entry.levels,
        entry.xattrs,
    )


def _file(path: Path, mode: int, uid: int, gid: int, user: bytes, group: bytes, *rest: Any) -> File:
    seconds, nanoseconds, size, content, levels, xattrs = rest
    mtime_ns = seconds * NANOSECONDS + nanoseconds
    start = (path[-1], EntryKind.FILE, mode, uid, gid, user, group, mtime_ns, size, content, levels)
    return path, Entry(*start, xattrs=xattrs)
