"""What changed between two snapshots, without reading what they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from holdfast.backup.entry import Entry, EntryKind, Path
from holdfast.backup.ids import ChunkId
from holdfast.backup.locate import roots
from holdfast.backup.manifest import Manifest
from holdfast.backup.sources import path_of
from holdfast.backup.tree import Chunks, entries_of


class Change(StrEnum):
    """How something differs."""

    ADDED = "+"
    REMOVED = "-"
    CONTENT = "M"
    METADATA = "U"
    KIND = "T"


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that differs; `before` or `after` is None where there is nothing."""

    change: Change
    path: bytes
    before: Entry | None
    after: Entry | None


Pair = tuple[Entry | None, Entry | None]


def diff(chunks: Chunks, before: Manifest, after: Manifest) -> Iterator[Difference]:
    """Yield what differs, source by source, depth first, by name; subtrees of equal nodes are not read."""
    old = {top.path: top.entry for top in roots(chunks, before)}
    new = {top.path: top.entry for top in roots(chunks, after)}
    for root in sorted({*old, *new}):
        yield from _below(chunks, root, (old.get(root), new.get(root)))


def _below(chunks: Chunks, root: bytes, top: Pair) -> Iterator[Difference]:
    stack: list[tuple[Path, Iterator[Pair]]] = [((), iter([top]))]
    while stack:
        above, pairs = stack[-1]
        pair = next(pairs, None)
        if pair is None:
            stack.pop()
            continue
        entry = pair[1] or pair[0]
        assert entry is not None  # a pair has at least one side
        path = above if len(stack) == 1 else (*above, entry.name)
        if change := _compare(*pair):
            yield Difference(change, path_of(root, path), *pair)
        if any(side and side.kind is EntryKind.DIRECTORY for side in pair):
            stack.append((path, _pairs(chunks, *pair)))


def _compare(before: Entry | None, after: Entry | None) -> Change | None:
    if before is None:
        return Change.ADDED
    if after is None:
        return Change.REMOVED
    if before.kind is not after.kind:
        return Change.KIND
    if _content(before) != _content(after):
        return Change.CONTENT
    return None if _metadata(before) == _metadata(after) else Change.METADATA


def _content(entry: Entry) -> tuple[object, ...]:
    return entry.size, entry.content, entry.levels if entry.content else 0, entry.target, entry.device


def _metadata(entry: Entry) -> Entry:
    return entry._replace(content=(), nodes=(), levels=0, fingerprint=b"", link=b"")


def _pairs(chunks: Chunks, before: Entry | None, after: Entry | None) -> Iterator[Pair]:
    """Merge two folders by name; nodes that both have hold nothing that differs."""
    shared: set[ChunkId] = set()
    if before and after and before.levels == after.levels:
        shared = {*before.nodes} & {*after.nodes}
    old, new = _entries(chunks, before, shared), _entries(chunks, after, shared)
    left, right = next(old, None), next(new, None)
    while left or right:
        if right is None or (left is not None and left.name < right.name):
            yield left, None
            left = next(old, None)
        elif left is None or right.name < left.name:
            yield None, right
            right = next(new, None)
        else:
            yield left, right
            left, right = next(old, None), next(new, None)


def _entries(chunks: Chunks, folder: Entry | None, shared: set[ChunkId]) -> Iterator[Entry]:
    if folder is None or folder.kind is not EntryKind.DIRECTORY:
        return iter(())
    return entries_of(chunks, [node for node in folder.nodes if node not in shared], folder.levels)
