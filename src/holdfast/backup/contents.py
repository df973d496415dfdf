"""The content of many files in the order in which packs hold it: a block is opened once, and used while it is hot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from holdfast.backup.content import FileContent
from holdfast.backup.entry import Entry, Item, Path
from holdfast.backup.ids import ChunkId
from holdfast.backup.reader import ChunkReader, PlacesByPack
from holdfast.backup.targets import Content
from holdfast.errors import IntegrityError

File = tuple[Path, Entry]


def whole_files(reader: ChunkReader, files: Iterable[File], places: PlacesByPack) -> Iterator[tuple[File, Content]]:
    """Yield each file once its last chunk came, files of equal content together; `places` are of their chunks.

    Only what came of files that are not whole yet is held, a chunk of several files once. Files that cannot be had so
    come last: reading their content gets it for each alone, or raises IntegrityError.
    """
    alike = _by_content(files)
    with suppress(IntegrityError):  # those that wait for what is damaged are still in `alike`
        yield from _as_they_come(reader, alike, places)
    content = FileContent(reader)
    for one in alike:
        for file in one.files:
            yield file, content.of(file[1])


@dataclass(slots=True)
class _Alike:
    """Files of equal content that are still to be given, and what came of it."""

    items: tuple[Item, ...]
    files: list[File]
    missing: set[ChunkId]
    came: dict[ChunkId, bytes | memoryview] = field(default_factory=dict)

    def give(self) -> tuple[list[File], Content]:
        """Return the files and their whole content, and let go of it."""
        files, self.files = self.files, []
        came, self.came = self.came, {}
        return files, [item if isinstance(item, int) else came[item] for item in self.items]


def _by_content(files: Iterable[File]) -> list[_Alike]:
    """Group files by content; what is behind lists is unknown, and nothing is missing of it here."""
    found: dict[tuple[int, tuple[Item, ...]], _Alike] = {}
    for file in files:
        items, levels = file[1].content, file[1].levels
        one = found.get((levels, items))
        if one is None:
            missing = {item for item in items if not (levels or isinstance(item, int))}
            one = found[levels, items] = _Alike(items, [], missing)
        one.files.append(file)
    return list(found.values())


def _as_they_come(reader: ChunkReader, alike: Iterable[_Alike], places: PlacesByPack) -> Iterator[tuple[File, Content]]:
    wanting: dict[ChunkId, list[_Alike]] = {}
    for one in alike:
        for chunk in one.missing:
            wanting.setdefault(chunk, []).append(one)
    for chunk, data in reader.fetch_placed(places):
        held = b""
        for one in wanting.pop(chunk, ()):
            one.missing.remove(chunk)
            if one.missing:
                held = one.came[chunk] = held or bytes(data)
                continue
            one.came[chunk] = data
            files, content = one.give()
            for file in files:
                yield file, content
