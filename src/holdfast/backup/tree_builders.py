"""Directories as nodes and file content as lists, both of chunks: built as they stream in."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.backup.entry import Entry, Item, encode_entry, refuse_name
from holdfast.backup.ids import ChunkId
from holdfast.backup.wire import pack

MAX_ENTRIES = 4096
MAX_NODE_BYTES = 256 * 1024
MAX_ITEMS = 2048
ENTRY_CUT = 512
ITEM_CUT = 512
Emit = Callable[[bytes], ChunkId]
"""Stores one tree chunk and returns its id."""


class NodeBuilder:
    """Collects one directory's entries, in name order, and emits its nodes as they fill: memory of one node."""

    def __init__(self, emit: Emit, name_hash: Callable[[bytes], bytes]) -> None:
        self._emit = emit
        self._name_hash = name_hash
        self._entries: list[bytes] = []
        self._size = 0
        self._last = b""
        self._nodes = ContentBuilder(emit)

    def add(self, entry: Entry) -> None:
        """Add the next entry.

        Raises:
            ValueError: the caller's mistake: a name out of order or no name at all.
        """
        self.add_encoded(entry.name, encode_entry(entry))

    def add_encoded(self, name: bytes, encoded: bytes) -> None:
        """Add the next entry, whose bytes another process made; raise ValueError as `add` does."""
        if refuse_name(name) or name <= self._last:
            raise ValueError(f"{name!r} cannot follow {self._last!r}")
        if self._size + len(encoded) > MAX_NODE_BYTES:
            self._close()
        self._entries.append(encoded)
        self._size += len(encoded)
        self._last = name
        if len(self._entries) == MAX_ENTRIES or _is_cut(self._name_hash(name), ENTRY_CUT):
            self._close()

    def finish(self) -> tuple[tuple[ChunkId, ...], int]:
        """Emit what is left and return an entry's `nodes` and `levels`."""
        self._close()
        items, levels = self._nodes.finish()
        return tuple(item for item in items if not isinstance(item, int)), levels

    def copy(self) -> NodeBuilder:
        """Return a builder that goes on from here by itself."""
        other = NodeBuilder(self._emit, self._name_hash)
        other._entries, other._size, other._last = self._entries[:], self._size, self._last
        other._nodes = self._nodes.copy()
        return other

    def _close(self) -> None:
        if self._entries:
            self._nodes.add(self._emit(_array_header(len(self._entries)) + b"".join(self._entries)))
            self._entries, self._size = [], 0


def _array_header(count: int) -> bytes:
    if count < 16:
        return bytes([0x90 | count])
    return b"\xdc" + count.to_bytes(2, "big")


def _is_cut(hash_: bytes, modulus: int) -> bool:
    return int.from_bytes(hash_[:8], "little") % modulus == 0


class ContentBuilder:
    """Collects one file's content and moves long lists into tree chunks: memory of a few thousand items."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._levels: list[list[Item]] = [[]]

    def add(self, item: Item) -> None:
        """Append a chunk or a hole; neighbouring holes become one."""
        items = self._levels[0]
        if isinstance(item, int) and items and isinstance(items[-1], int):
            items[-1] += item
        else:
            self._append(0, item)

    def finish(self) -> tuple[tuple[Item, ...], int]:
        """Return an entry's `content` and `levels`."""
        level = 0
        while level + 1 < len(self._levels):
            while self._levels[level]:
                self._emit_run(level)
            level += 1
        return tuple(self._levels[level]), level

    def copy(self) -> ContentBuilder:
        """Return a builder that goes on from here by itself."""
        other = ContentBuilder(self._emit)
        other._levels = [items[:] for items in self._levels]
        return other

    def _append(self, level: int, item: Item) -> None:
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(item)
        if len(self._levels[level]) > MAX_ITEMS:
            self._emit_run(level)

    def _emit_run(self, level: int) -> None:
        items = self._levels[level]
        length = next((n for n, item in enumerate(items[:MAX_ITEMS], 1) if _ends_run(item)), MAX_ITEMS)
        self._levels[level] = items[length:]
        self._append(level + 1, self._emit(pack(items[:length])))


def _ends_run(item: Item) -> bool:
    return isinstance(item, bytes) and _is_cut(item, ITEM_CUT)
