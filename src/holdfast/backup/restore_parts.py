"""One large file as parts that several processes restore at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from holdfast.backup.entry import Entry, Path
from holdfast.backup.ids import ChunkId
from holdfast.backup.mark import LOOKUP_BATCH
from holdfast.backup.reader import ChunkReader
from holdfast.backup.targets import FileInParts, Unfinished, WritesByPath, check_size
from holdfast.backup.tree import content_of
from holdfast.errors import IntegrityError, StoreDenied

LARGE_BYTES = 16 * 1024 * 1024
"""A larger file is restored in parts: two of them, at least."""
PART_BYTES = 8 * 1024 * 1024


class Done(NamedTuple):
    """What a job came to."""

    files: int
    bytes_written: int
    failed: Sequence[tuple[Path, str]]


Piece = tuple[int, int, ChunkId]
"""Offset in the file and length, bytes; the chunk that belongs there."""


def parts_of(reader: ChunkReader, entry: Entry) -> Iterator[list[Piece]]:
    """Yield a file's content in parts of about `PART_BYTES`, in order; holes are in none.

    Raises:
        IntegrityError: a chunk is nowhere, or all of them together are not the file's size.
    """
    at = held = 0
    part: list[Piece] = []
    items = content_of(reader, entry)
    while window := list(islice(items, LOOKUP_BATCH)):
        lengths = reader.lengths([item for item in window if not isinstance(item, int)])
        for item in window:
            if isinstance(item, int):
                at += item
                continue
            length = lengths[item]
            part.append((at, length, item))
            at, held = at + length, held + length
            if held >= PART_BYTES:
                yield part
                part, held = [], 0
    if part:
        yield part
    check_size(at, entry)


def write_part(reader: ChunkReader, target: WritesByPath, file: Unfinished, part: Sequence[Piece]) -> int:
    """Fetch a part's chunks and write each where it belongs, as they come; return the bytes written.

    Raises:
        IntegrityError: a chunk is damaged or nowhere.
        StoreDenied: the file cannot be written.
    """
    places: dict[ChunkId, list[tuple[int, int]]] = defaultdict(list)
    for offset, length, chunk in part:
        places[chunk].append((offset, length))
    written = 0
    for chunk, data in reader.fetch_once(list(places)):
        for offset, length in places[chunk]:
            if len(data) != length:
                raise IntegrityError(f"chunk {chunk.hex()} has {len(data)} bytes, not {length}; run `holdfast verify`")
            target.write_part(file, offset, data)
            written += length
    return written


@dataclass(slots=True)
class LargeRestore:
    """A file whose parts are given to workers: what is still to come back, and what went wrong first."""

    path: Path
    entry: Entry
    file: FileInParts
    gathering: int
    given: int = 0
    done: int = 0
    written: int = 0
    is_all_given: bool = False
    problem: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nobody writes to it any more."""
        return self.is_all_given and self.given == self.done

    def end(self) -> Done:
        """Give the file its name, or remove it if a part of it failed; tell which, and count its holes."""
        try:
            if not self.problem:
                self.file.finish(self.entry.size)
        except StoreDenied as error:
            self.problem = str(error)
        finally:
            self.file.close()
        if self.problem:
            return Done(0, 0, [(self.path, self.problem)])
        return Done(1, self.entry.size - self.written, [])
