"""Building the nodes of a tree whose files come later than their names: in order, as far as they have come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import NamedTuple

from holdfast.backup.entry import Entry
from holdfast.backup.ids import ChunkId
from holdfast.backup.store_apart import Slot
from holdfast.backup.tree_builders import Emit, NodeBuilder

Nodes = tuple[tuple[ChunkId, ...], int]
"""An entry's `nodes` and `levels`."""


class Kept(NamedTuple):
    """The nodes a folder has if these entries, which they may hold beside others, are all that is added to it."""

    nodes: Nodes
    entries: Sequence[Entry] = ()


class _Folder:
    """An open folder: `nodes` are built anew from the first entry on that is not as in what is `kept`."""

    def __init__(self, entry: Entry | None, new_builder: Callable[[], NodeBuilder], kept: Kept | None) -> None:
        self.entry = entry
        self.is_whole = True
        self._new_builder = new_builder
        self._kept = kept
        self._alike = 0
        self._builder: NodeBuilder | None = None

    def add(self, entry: Entry) -> None:
        before = self._kept.entries if self._kept is not None else ()
        if self._alike < len(before) and before[self._alike] == entry:
            self._alike += 1
        else:
            self._built().add(entry)

    def add_encoded(self, name: bytes, encoded: bytes) -> None:
        self._built().add_encoded(name, encoded)

    def nodes(self) -> Nodes:
        """End the folder."""
        if self._kept is not None and self._alike == len(self._kept.entries):
            return self._kept.nodes
        return self._built().finish()

    def _built(self) -> NodeBuilder:
        """Return what builds the nodes, once all that was added is in it."""
        if self._builder is None:
            self._builder = self._new_builder()
            if self._kept is not None:
                for entry in self._kept.entries[: self._alike]:
                    self._builder.add(entry)
                self._kept = None
        return self._builder

    def copy(self) -> _Folder:
        """Return a folder that goes on from here by itself."""
        other = copy(self)
        other._builder = self._builder.copy() if self._builder is not None else None
        return other


class _Open(NamedTuple):
    entry: Entry
    kept: Kept | None


class _Close:
    pass


class _Spoil:
    pass


_CLOSE, _SPOIL = _Close(), _Spoil()
_Step = _Open | _Close | _Spoil | Entry | Slot


class Assembly:
    """Builds one source's tree. Steps wait in line behind a file that has not come yet."""

    def __init__(self, emit: Emit, name_hash: Callable[[bytes], bytes]) -> None:
        self._emit = emit
        self._name_hash = name_hash
        self._stack = [self._folder(None)]
        self._line: deque[_Step] = deque()

    def _folder(self, entry: Entry | None, kept: Kept | None = None) -> _Folder:
        return _Folder(entry, partial(NodeBuilder, self._emit, self._name_hash), kept)

    @property
    def waiting(self) -> int:
        """How many steps wait."""
        return len(self._line)

    @property
    def begun_bytes(self) -> int:
        """How much is stored of large files that have not come."""
        waiting = (step for step in self._line if isinstance(step, Slot) and not step.is_settled)
        return sum(slot.so_far.size for slot in waiting if slot.so_far is not None)

    def open(self, folder: Entry, kept: Kept | None = None) -> None:
        """Begin a folder in the current one."""
        self._take(_Open(folder, kept))

    def spoil(self) -> None:
        """Let the open folders lose their fingerprints: something in one of them is not in the snapshot."""
        self._take(_SPOIL)

    def close(self) -> None:
        """End the current folder."""
        self._take(_CLOSE)

    def add(self, entry: Entry | Slot) -> None:
        """Add the next entry of the current folder."""
        self._take(entry)

    def advance(self) -> None:
        """Take the steps that need wait no longer."""
        while self._line and not _must_wait(self._line[0]):
            self._apply(self._line.popleft())

    def so_far(self, last: Entry | None) -> tuple[ChunkId, ...]:
        """Return what `finish` would now, if `last` were added before it; the tree itself goes on."""
        other = Assembly(self._emit, self._name_hash)
        other._stack = [folder.copy() for folder in self._stack]
        other._line = self._line.copy()
        if last is not None:
            other.add(last)
        return other.finish()

    def finish(self) -> tuple[ChunkId, ...]:
        """End every folder and return the root nodes; of what has not come, what is stored already is noted."""
        while self._line:
            step = self._line.popleft()
            if isinstance(step, Slot) and not step.is_settled:
                self._apply(_SPOIL)
                begun = step.so_far.entry() if step.so_far is not None else None
                if begun is not None:
                    self._apply(begun)
            else:
                self._apply(step)
        if len(self._stack) > 1:
            self._apply(_SPOIL)  # stopped in the middle
        while len(self._stack) > 1:
            self._apply(_CLOSE)
        nodes, _ = self._stack[0].nodes()
        return nodes

    def _take(self, step: _Step) -> None:
        if self._line or _must_wait(step):
            self._line.append(step)
        else:
            self._apply(step)

    def _apply(self, step: _Step) -> None:
        if isinstance(step, Slot):
            if step.encoded is None:
                self._stack[-1].is_whole = False
            else:
                self._stack[-1].add_encoded(step.name, step.encoded)
        elif isinstance(step, Entry):
            self._stack[-1].add(step)
        elif isinstance(step, _Open):
            self._stack.append(self._folder(step.entry, step.kept))
        elif isinstance(step, _Spoil):
            for folder in self._stack:
                folder.is_whole = False
        else:
            self._close()

    def _close(self) -> None:
        folder = self._stack.pop()
        assert folder.entry is not None  # only the lowest, which is never closed here, has none
        nodes, levels = folder.nodes()
        fingerprint = folder.entry.fingerprint if folder.is_whole else b""
        self._stack[-1].add(folder.entry._replace(nodes=nodes, levels=levels, fingerprint=fingerprint))


def _must_wait(step: _Step) -> bool:
    return isinstance(step, Slot) and not step.is_settled
