"""Finding names in every snapshot at the cost of what differs between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from holdfast.backup.entry import Entry, EntryKind, Path
from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.manifest import Manifest
from holdfast.backup.snapshots import OnDamage
from holdfast.backup.sources import path_of
from holdfast.backup.sources.exclude import Exclude
from holdfast.backup.tree import Chunks, entries_of
from holdfast.errors import IntegrityError


@dataclass(slots=True)
class Found:
    """One version of something that a pattern matches, and the snapshots that hold it, in the order they were given."""

    path: bytes
    entry: Entry
    snapshots: list[SnapshotId] = field(default_factory=list)


def find(chunks: Chunks, manifests: Iterable[Manifest], pattern: bytes, on_damage: OnDamage) -> list[Found]:
    """Return what matches `pattern`, which is written as one of `--exclude`, by path; versions as they come.

    A folder that several snapshots share is read once if nothing in it matches. What cannot be read is passed over, and
    `on_damage` told.

    Raises:
        InvalidRequest: the pattern cannot be read.
    """
    search = _Search(chunks, Exclude([pattern]))
    found: dict[tuple[bytes, Entry], Found] = {}
    for manifest in manifests:
        for source in manifest.sources:
            for path, entry in search.run(source.root, partial(on_damage, manifest.id)):
                full = path_of(source.path, path)
                one = found.setdefault((full, entry), Found(full, entry))
                one.snapshots.append(manifest.id)
    return sorted(found.values(), key=lambda one: one.path)


@dataclass(slots=True)
class _Level:
    """A folder being searched: its place, its nodes, what is left of it, and whether anything below it matched."""

    path: Path
    nodes: tuple[ChunkId, ...]
    entries: Iterator[Entry]
    matched: bool = False


class _Search:
    def __init__(self, chunks: Chunks, matches: Exclude) -> None:
        self._chunks = chunks
        self._matches = matches
        self._barren: set[tuple[Path, tuple[ChunkId, ...]]] = set()

    def run(
        self, root: tuple[ChunkId, ...], on_damage: Callable[[IntegrityError], None]
    ) -> Iterator[tuple[Path, Entry]]:
        """Yield what matches below a source's root, whose own name is not looked at."""
        tops = list(entries_of(self._chunks, root, 0, lambda _, error: on_damage(error)))
        stack = [self._level((), top, on_damage) for top in tops if top.kind is EntryKind.DIRECTORY]
        for top in tops:
            if top.kind is not EntryKind.DIRECTORY and self._is_match((top.name,), top):
                yield (), top
        while stack:
            level = stack[-1]
            entry = next(level.entries, None)
            if entry is None:
                self._leave(stack)
                continue
            path = (*level.path, entry.name)
            if self._is_match(path, entry):
                level.matched = True
                yield path, entry
            if entry.kind is EntryKind.DIRECTORY and (path, entry.nodes) not in self._barren:
                stack.append(self._level(path, entry, on_damage))

    def _is_match(self, path: Path, entry: Entry) -> bool:
        return self._matches(path, entry.kind is EntryKind.DIRECTORY)

    def _level(self, path: Path, folder: Entry, on_damage: Callable[[IntegrityError], None]) -> _Level:
        def told(_: ChunkId, error: IntegrityError) -> None:
            level.matched = True  # so that it is read, and told, again in the next snapshot that shares it
            on_damage(error)

        level = _Level(path, folder.nodes, entries_of(self._chunks, folder.nodes, folder.levels, told))
        return level

    def _leave(self, stack: list[_Level]) -> None:
        level = stack.pop()
        if not level.matched:
            self._barren.add((level.path, level.nodes))
        elif stack:
            stack[-1].matched = True
