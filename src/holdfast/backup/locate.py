"""Finding a path in a snapshot, and listing what is below it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from holdfast.backup.entry import Entry, EntryKind, Path
from holdfast.backup.manifest import Manifest, SourceRoot
from holdfast.backup.sources import path_of
from holdfast.backup.tree import Chunks, OnDamage, entries_of, walk
from holdfast.errors import IntegrityError, NotFound


class Located(NamedTuple):
    """Something of a snapshot: its full path as it was backed up, and its entry."""

    path: bytes
    entry: Entry


def roots(chunks: Chunks, manifest: Manifest) -> list[Located]:
    """Return the snapshot's sources; one that could not be read at all is left out."""
    found = [(source, _root(chunks, source)) for source in manifest.sources]
    return [Located(source.path, entry) for source, entry in found if entry is not None]


def _root(chunks: Chunks, source: SourceRoot) -> Entry | None:
    entries = list(entries_of(chunks, source.root))
    if len(entries) > 1:
        raise IntegrityError(f"source {os.fsdecode(source.path)!r} has {len(entries)} roots; run `holdfast verify`")
    return entries[0] if entries else None


def locate(chunks: Chunks, manifest: Manifest, path: bytes) -> Located:
    """Return what stands at `path`: as it was backed up, or below the source if the snapshot has a single one.

    Raises:
        NotFound: nothing of the snapshot is there.
    """
    wanted = path.rstrip(b"/") or b"/"
    tops = roots(chunks, manifest)
    for top in sorted(tops, key=lambda top: len(top.path), reverse=True):
        base = top.path.rstrip(b"/")
        if wanted in (base, top.path):
            return top
        if wanted.startswith(base + b"/"):
            return _descend(chunks, top, wanted[len(base) + 1 :], path)
    if len(tops) == 1 and not wanted.startswith(b"/"):
        return _descend(chunks, tops[0], wanted, path)
    raise _nothing(manifest, path)


def _descend(chunks: Chunks, top: Located, below: bytes, path: bytes) -> Located:
    names = [name for name in below.split(b"/") if name not in (b"", b".")]
    entry = top.entry
    for name in names:
        inside = entries_of(chunks, entry.nodes, entry.levels) if entry.kind is EntryKind.DIRECTORY else iter(())
        found = next((candidate for candidate in inside if candidate.name >= name), None)
        if found is None or found.name != name:
            raise NotFound(f"nothing at {os.fsdecode(path)!r} in this snapshot; `holdfast ls` shows what it holds")
        entry = found
    return Located(path_of(top.path, tuple(names)), entry)


def _nothing(manifest: Manifest, path: bytes) -> NotFound:
    held = ", ".join(os.fsdecode(source.path) for source in manifest.sources[:3])
    return NotFound(f"nothing at {os.fsdecode(path)!r} in this snapshot, which holds {held}")


def list_below(
    chunks: Chunks, manifest: Manifest, path: bytes | None = None, on_damage: OnDamage | None = None
) -> Iterator[Located]:
    """Yield what is at and below `path`, or all of the snapshot: depth first, by name, a folder before its content.

    What `on_damage` is for, `entries_of` says.
    """
    for top in roots(chunks, manifest) if path is None else [locate(chunks, manifest, path)]:
        yield top
        for below, entry in walk(chunks, top.entry.nodes, top.entry.levels, on_damage):
            yield Located(path_of(top.path, below), entry)


def names_of(path: bytes) -> Path:
    """Return the names of a stored path, those that lead nowhere or upwards left out."""
    return tuple(name for name in path.split(b"/") if name not in (b"", b".", b"..") and b"\0" not in name)
