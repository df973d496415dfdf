"""Directories as nodes and file content as lists, both of chunks: decoded and walked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise, repeat
from typing import NamedTuple, Protocol, TypeVar

from holdfast.backup.entry import (
    Entry,
    EntryKind,
    Held,
    Item,
    Path,
    decode_entry,
    decode_held,
    decode_items,
)
from holdfast.backup.ids import ChunkId
from holdfast.backup.tree_builders import MAX_ENTRIES, MAX_ITEMS
from holdfast.backup.wire import unpack
from holdfast.errors import IntegrityError

WINDOW = 64
K = TypeVar("K")


class Chunks(Protocol):
    """What reading a tree needs of a repository: verified plaintext by chunk id."""

    def read(self, chunk: ChunkId) -> bytes:
        """Return one chunk's plaintext."""

    def fetch(self, chunks: Sequence[ChunkId]) -> Iterator[tuple[ChunkId, bytes]]:
        """Yield each distinct chunk once, in any order."""


OnDamage = Callable[[ChunkId, IntegrityError], None]
"""Is told of a node or list that cannot be read."""


def decode_node(data: bytes | memoryview) -> list[Entry]:
    """Return a node's entries, at least one, sorted by name.

    Raises:
        IntegrityError: not a node, or not in order, or a name twice.
    """
    entries = [decode_entry(value) for value in _values_of(data)]
    for before, after in pairwise(entries):
        _refuse_disorder(before.name, after.name)
    return entries


def held_by_node(data: bytes | memoryview) -> Iterator[Held]:
    """Yield what a node's entries refer to, and look at nothing else of them.

    Raises:
        IntegrityError: not a node, or references of a wrong type or shape.
    """
    return filter(None, map(decode_held, _values_of(data)))


def _values_of(data: bytes | memoryview) -> list[object]:
    values = unpack(data, "a tree node")
    if not isinstance(values, list) or not 0 < len(values) <= MAX_ENTRIES:
        raise IntegrityError("a tree node is not a list of entries; run `holdfast verify`")
    return values


def _refuse_disorder(before: bytes, after: bytes) -> None:
    if before >= after:
        raise IntegrityError(f"a directory lists {after!r} after {before!r}; run `holdfast verify`")


def decode_list(data: bytes | memoryview, levels: int) -> tuple[Item, ...]:
    """Return one stored piece of a content list that has `levels` more lists below it."""
    values = unpack(data, "a content list")
    if not isinstance(values, list) or not 0 < len(values) <= MAX_ITEMS:
        raise IntegrityError("a content list is not a list of chunks; run `holdfast verify`")
    return decode_items(values, levels)


def entries_of(
    chunks: Chunks, nodes: Sequence[ChunkId], levels: int = 0, on_damage: OnDamage | None = None
) -> Iterator[Entry]:
    """Yield one directory's entries in name order, reading a few nodes ahead.

    With `on_damage`, a node or list that cannot be read is reported and what is in it left out; else it raises.

    Raises:
        IntegrityError: also where two nodes overlap.
    """
    last = b""
    ids = (item for item in _flatten(chunks, nodes, levels, on_damage) if not isinstance(item, int))
    while window := list(islice(ids, WINDOW)):
        data = _readable(chunks, window, on_damage)
        for node in window:
            try:
                entries = decode_node(data[node]) if node in data else []
                if entries:
                    _refuse_disorder(last, entries[0].name)
            except IntegrityError as error:
                if on_damage is None:
                    raise
                on_damage(node, error)
                continue
            if entries:
                last = entries[-1].name
            yield from entries


def content_of(chunks: Chunks, entry: Entry, on_damage: OnDamage | None = None) -> Iterator[Item]:
    """Yield a file's content in order, reading its lists as they are needed; `on_damage` as for `entries_of`."""
    return _flatten(chunks, entry.content, entry.levels, on_damage)


def _flatten(chunks: Chunks, items: Sequence[Item], levels: int, on_damage: OnDamage | None = None) -> Iterator[Item]:
    pending: list[tuple[Iterator[Item], int]] = [(iter(items), levels)]
    while pending:
        rest, levels = pending[-1]
        item = next(rest, None)
        if item is None:
            pending.pop()
        elif levels == 0:
            yield item
        else:
            assert isinstance(item, bytes)  # decode_entry and decode_list allow holes at level 0 only
            try:
                pending.append((iter(decode_list(chunks.read(item), levels - 1)), levels - 1))
            except IntegrityError as error:
                if on_damage is None:
                    raise
                on_damage(item, error)


def walk(
    chunks: Chunks, nodes: Sequence[ChunkId], levels: int = 0, on_damage: OnDamage | None = None
) -> Iterator[tuple[Path, Entry]]:
    """Yield every entry below `nodes` with its path, depth first, a directory before what is in it.

    What `on_damage` is for, `entries_of` says.
    """
    stack: list[tuple[Path, Iterator[Entry]]] = [((), entries_of(chunks, nodes, levels, on_damage))]
    while stack:
        above, entries = stack[-1]
        entry = next(entries, None)
        if entry is None:
            stack.pop()
            continue
        path = (*above, entry.name)
        yield path, entry
        if entry.kind is EntryKind.DIRECTORY:
            stack.append((path, entries_of(chunks, entry.nodes, entry.levels, on_damage)))


class Piece(NamedTuple):
    """A tree chunk to visit: a directory's node, or a list that has `levels` more lists between it and the end."""

    chunk: ChunkId
    levels: int
    of_nodes: bool

    @property
    def mark(self) -> ChunkId:
        """Return 33 bytes that stand for it: one chunk may be several pieces."""
        return ChunkId(self.chunk + bytes([2 * (self.levels + 1) + self.of_nodes]))


DecodeNode = Callable[[bytes], Iterable[Entry | Held]]


def references(
    chunks: Chunks,
    roots: Iterable[ChunkId],
    seen: set[ChunkId],
    *,
    on_damage: OnDamage | None = None,
    repeating: bool = False,
    decode: DecodeNode = decode_node,
) -> Iterator[ChunkId]:
    """Yield every chunk reachable from `roots` (nodes, lists, content) that is not in `seen`, and add it there.

    In no order. A node shared by several snapshots is read once, as long as they share `seen`, which also gets
    33-byte marks of the nodes visited: a file whose content is a node's very bytes must not hide what the node names.
    `repeating` yields a chunk of content each time it is met and keeps nodes alone in `seen`: for callers who have a
    better place for so many.
    With `on_damage`, a node or list that cannot be read is reported and what is below it left out; else it raises.
    `decode` is `held_by_node` for callers who keep what they find, and need not know whether it can be restored.
    """
    pending = root_pieces(roots)
    while pending:
        batch, pending[:] = pending[-WINDOW:], pending[:-WINDOW]
        fresh = {piece.mark: piece for piece in batch if piece.mark not in seen}
        seen.update(fresh)
        yield from _first_seen((piece.chunk for piece in fresh.values()), seen)
        data = _readable(chunks, [piece.chunk for piece in fresh.values()], on_damage)
        for piece in fresh.values():
            if piece.chunk not in data:
                continue
            try:
                leaves, pieces = held_by(data[piece.chunk], piece, decode)
            except IntegrityError as error:
                if on_damage is None:
                    raise
                on_damage(piece.chunk, error)
                continue
            pending.extend(pieces)
            yield from leaves if repeating else _first_seen(leaves, seen)


def _first_seen(found: Iterable[ChunkId], seen: set[ChunkId]) -> Iterator[ChunkId]:
    for chunk in found:
        if chunk not in seen:
            seen.add(chunk)
            yield chunk


def references_of_each(
    chunks: Chunks, roots: Sequence[Iterable[ChunkId]], seen: dict[ChunkId, int]
) -> Iterator[tuple[ChunkId, int]]:
    """Yield every chunk reachable from any of several trees, and which of them hold it: bit 0 stands for the first.

    A node that trees share at the same depth is read once. What is below a node is left out for the trees that `seen`
    names under its mark, and those met are added there. A chunk is yielded again where it is met again.
    """
    level: dict[Piece, int] = {}
    for number, several in enumerate(roots):
        for root in several:
            _add_bits(level, Piece(root, NODE, True), 1 << number)
    while level:
        fresh = {piece: new for piece, bits in level.items() if (new := bits & ~seen.get(piece.mark, 0))}
        level = {}
        for piece, bits in fresh.items():
            _add_bits(seen, piece.mark, bits)
            yield piece.chunk, bits
        rest = iter(fresh)
        while batch := list(islice(rest, WINDOW)):
            data = _readable(chunks, [piece.chunk for piece in batch], None)
            for piece in batch:
                leaves, pieces = held_by(data[piece.chunk], piece)
                yield from zip(leaves, repeat(fresh[piece]))
                for below in pieces:
                    _add_bits(level, below, fresh[piece])


def _add_bits(to: dict[K, int], key: K, bits: int) -> None:
    to[key] = to.get(key, 0) | bits


NODE = -1
"""The level of a directory's node: below every list."""


def root_pieces(roots: Iterable[ChunkId]) -> list[Piece]:
    """Return the pieces that a source's tree begins with."""
    return [Piece(root, NODE, True) for root in roots]


def pieces_of(entry: Entry) -> list[Piece]:
    """Return a directory's nodes or lists of nodes, or a file's lists of content."""
    if entry.kind is EntryKind.DIRECTORY:
        return [Piece(node, entry.levels - 1, True) for node in entry.nodes]
    items = entry.content if entry.levels else ()
    return [Piece(item, entry.levels - 1, False) for item in items if not isinstance(item, int)]


def held_by(data: bytes, piece: Piece, decode: DecodeNode = decode_node) -> tuple[list[ChunkId], list[Piece]]:
    """Return the chunks of content and the pieces that a piece of these bytes leads to; raise IntegrityError."""
    leaves: list[ChunkId] = []
    pieces: list[Piece] = []

    def meet(items: Iterable[Item], levels: int, of_nodes: bool) -> None:
        ids = [item for item in items if not isinstance(item, int)]
        if levels == 0 and not of_nodes:
            leaves.extend(ids)
        else:
            pieces.extend(Piece(chunk, levels - 1, of_nodes) for chunk in ids)

    if piece.levels == NODE:
        for entry in decode(data):
            if entry.nodes:
                meet(entry.nodes, entry.levels, True)
            if entry.content:
                meet(entry.content, entry.levels, False)
    else:
        meet(decode_list(data, piece.levels), piece.levels, piece.of_nodes)
    return leaves, pieces


def _readable(chunks: Chunks, wanted: Sequence[ChunkId], on_damage: OnDamage | None) -> Mapping[ChunkId, bytes]:
    """Return these chunks; with `on_damage`, those that can be read."""
    try:
        return dict(chunks.fetch(wanted))
    except IntegrityError:
        if on_damage is None:
            raise
    found = {}
    for chunk in dict.fromkeys(wanted):  # one of them is damaged: ask for each alone
        try:
            found[chunk] = chunks.read(chunk)
        except IntegrityError as error:
            on_damage(chunk, error)
    return found
