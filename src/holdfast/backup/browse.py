"""A repository as a read-only file system: one folder a snapshot, every byte verified as it is read."""

from __future__ import annotations

import os
import stat
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from itertools import accumulate
from typing import TypeVar

from holdfast.backup.entry import Entry, EntryKind, Item
from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.locate import names_of, roots
from holdfast.backup.manifest import load_manifest
from holdfast.backup.pack import read_footer
from holdfast.backup.ports import Record
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.tree import content_of, entries_of
from holdfast.errors import IntegrityError, InvalidRequest, NotFound

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
FOLDERS, FILES, FOOTERS = 1024, 64, 256
"""How many of each are kept at hand."""
AHEAD_BYTES = 8 * 1024 * 1024
"""So much of a file that is read from front to back is fetched at a time: in a bucket few requests and not many."""
LIST_KEPT = timedelta(seconds=1)
"""The list of snapshots is read anew after this time: every path through `latest` needs it."""
LATEST = b"latest"
FORMATS = {
    EntryKind.FILE: stat.S_IFREG,
    EntryKind.DIRECTORY: stat.S_IFDIR,
    EntryKind.SYMLINK: stat.S_IFLNK,
    EntryKind.FIFO: stat.S_IFIFO,
    EntryKind.CHARACTER_DEVICE: stat.S_IFCHR,
    EntryKind.BLOCK_DEVICE: stat.S_IFBLK,
}


@dataclass(frozen=True, slots=True)
class Node:
    """Something of the file system. `mode` includes the kind; `children` of a folder that no snapshot holds itself."""

    entry: Entry
    children: dict[bytes, Node] | None = None

    @property
    def mode(self) -> int:
        """Return kind and permission bits as `stat` has them."""
        return FORMATS[self.entry.kind] | self.entry.mode


class _Recent(dict[K, V]):
    """The last used of what is made on demand."""

    def __init__(self, make: Callable[[K], V], most: int) -> None:
        super().__init__()
        self._make, self._most = make, most
        self._order: OrderedDict[K, None] = OrderedDict()

    def __missing__(self, key: K) -> V:
        value = self[key] = self._make(key)
        self._order[key] = None
        if len(self) > self._most:
            del self[self._order.popitem(last=False)[0]]
        return value


@dataclass(slots=True)
class _Content:
    """A file's pieces and where each ends; where the last read of it ended, and the chunks fetched for that."""

    items: list[Item] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    read_until: int = -1
    window: dict[ChunkId, bytes] = field(default_factory=dict)

    def start(self, number: int) -> int:
        """Return where a piece starts."""
        return self.ends[number - 1] if number else 0


class Browser:
    """Looks things up by path. `/<time>-<id>/` holds a snapshot's sources, below their full paths.

    `/latest` links to the newest. A snapshot of one folder holds that folder's content directly.
    Not for several threads at once.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._reader = ChunkReader(repository)
        self._snapshots: dict[bytes, SnapshotId] = {}
        self._root: Node | None = None
        self._listed = repository.clock.now()
        self._read_last: _Content | None = None
        self._tops: _Recent[SnapshotId, Node] = _Recent(self._top_of, FOLDERS)
        self._folders: _Recent[tuple[tuple[ChunkId, ...], int], dict[bytes, Entry]] = _Recent(self._folder_of, FOLDERS)
        self._contents: _Recent[tuple[tuple[Item, ...], int], _Content] = _Recent(self._content_of, FILES)
        self._footers: _Recent[PackId, dict[ChunkId, int]] = _Recent(self._lengths_of, FOOTERS)

    def look(self, path: bytes) -> Node:
        """Return what is at `path`.

        Raises:
            NotFound: nothing is.
            IntegrityError: a folder on the way cannot be read.
        """
        names = [name for name in path.split(b"/") if name]
        if not names or names == [LATEST]:
            root = self._list_snapshots()
            return root if not names else self._child(root, LATEST, path)
        if names[0] not in self._snapshots:
            self._list_snapshots()
        if names[0] not in self._snapshots:
            raise NotFound(f"nothing at {os.fsdecode(path)!r}")
        node = self._tops[self._snapshots[names[0]]]
        for name in names[1:]:
            node = self._child(node, name, path)
        return node

    def names(self, node: Node) -> Iterator[bytes]:
        """Yield the names in a folder; raise InvalidRequest if it is none, IntegrityError if it cannot be read."""
        if node.entry.kind is not EntryKind.DIRECTORY:
            raise InvalidRequest("not a folder")
        if node.children is not None:
            yield from node.children
            return
        yield from self._folders[node.entry.nodes, node.entry.levels]

    def read(self, node: Node, offset: int, size: int) -> bytes:
        """Return `size` bytes of a file from `offset`, fewer at its end; holes are zeros.

        Raises:
            IntegrityError: a chunk cannot be read, or the file is not as long as it says.
        """
        entry = node.entry
        content = self._contents[entry.content, entry.levels]
        if (content.ends[-1] if content.ends else 0) != entry.size:
            raise IntegrityError(f"a file of {entry.size} bytes has other content; run `holdfast verify`")
        end = min(offset + size, entry.size)
        is_next = offset == content.read_until
        content.read_until = max(offset, end)
        parts = []
        number = bisect_right(content.ends, offset)
        while offset < end:
            start, stop = content.start(number), min(end, content.ends[number])
            item = content.items[number]
            whole = None if isinstance(item, int) else self._chunk(content, number, ahead=is_next)
            parts.append(bytes(stop - offset) if whole is None else whole[offset - start : stop - start])
            offset, number = stop, number + 1
        return b"".join(parts)

    def _chunk(self, content: _Content, number: int, *, ahead: bool) -> bytes:
        """Return a chunk of a file; with `ahead` what follows is fetched with it, and kept for the next read."""
        chunk = content.items[number]
        assert not isinstance(chunk, int), "a hole has no chunk"
        if chunk in content.window:
            return content.window[chunk]
        if not ahead:
            return self._reader.read(chunk)
        if self._read_last is not None:
            self._read_last.window = {}  # one window in memory, however many files are read
        last = bisect_right(content.ends, content.start(number) + AHEAD_BYTES)
        wanted = [item for item in content.items[number : last + 1] if not isinstance(item, int)]
        try:
            content.window = dict(self._reader.fetch(wanted))
        except IntegrityError:
            return self._reader.read(chunk)  # what is damaged may be further on
        self._read_last = content
        return content.window[chunk]

    def _child(self, node: Node, name: bytes, path: bytes) -> Node:
        if node.children is not None:
            found = node.children.get(name)
        elif node.entry.kind is EntryKind.DIRECTORY:
            entry = self._folders[node.entry.nodes, node.entry.levels].get(name)
            found = Node(entry) if entry else None
        else:
            found = None
        if found is None:
            raise NotFound(f"nothing at {os.fsdecode(path)!r}")
        return found

    def _list_snapshots(self) -> Node:
        """Return the folder of all snapshots, newest first; asked anew after a second, so that new ones appear."""
        now = self._repository.clock.now()
        if self._root is None or not timedelta(0) <= now - self._listed < LIST_KEPT:
            self._snapshots = {_name_of(record): record.id for record in self._repository.ledger.completed()}
            tops = {name: Node(_folder(name, 0)) for name in self._snapshots}
            if newest := next(iter(tops), None):
                tops[LATEST] = _latest(newest)
            self._root = Node(_folder(b"", 0), tops)
            self._listed = now
        return self._root

    def _top_of(self, snapshot: SnapshotId) -> Node:
        manifest = load_manifest(self._repository, snapshot)
        tops = roots(self._reader, manifest)
        if len(tops) == 1 and tops[0].entry.kind is EntryKind.DIRECTORY:
            return Node(tops[0].entry)
        top = Node(_folder(b"snapshot", int(manifest.time.timestamp() * 10**9)), {})
        for one in tops:
            *above, last = names_of(one.path) or (one.entry.name,)
            below = top.children
            for name in above:
                if below is not None:
                    below = below.setdefault(name, Node(_folder(name, top.entry.mtime_ns), {})).children
            if below is not None:  # a source within another, which comes before it, is found there
                below[last] = Node(one.entry)
        return top

    def _folder_of(self, key: tuple[tuple[ChunkId, ...], int]) -> dict[bytes, Entry]:
        return {entry.name: entry for entry in entries_of(self._reader, *key)}

    def _content_of(self, key: tuple[tuple[Item, ...], int]) -> _Content:
        items = list(content_of(self._reader, Entry(name=b"-", kind=EntryKind.FILE, content=key[0], levels=key[1])))
        lengths = self._lengths([item for item in items if not isinstance(item, int)])
        ends = accumulate(item if isinstance(item, int) else lengths[item] for item in items)
        return _Content(items, list(ends))

    def _lengths(self, chunks: Sequence[ChunkId]) -> dict[ChunkId, int]:
        by_pack: defaultdict[PackId, list[ChunkId]] = defaultdict(list)
        for chunk, place in self._repository.index.readable(chunks).items():
            by_pack[place.pack].append(chunk)
        found: dict[ChunkId, int] = {}
        for pack, held in by_pack.items():  # one after the other: a large file lies in more than are kept at hand
            lengths = self._footers[pack]
            found |= {chunk: lengths[chunk] for chunk in held if chunk in lengths}
        for chunk in chunks:
            if chunk not in found:
                raise IntegrityError(f"no pack holds chunk {chunk.hex()}; run `holdfast verify`")
        return found

    def _lengths_of(self, pack: PackId) -> dict[ChunkId, int]:
        footer = read_footer(self._repository.objects, self._repository.keyring, pack)
        return {chunk: length for block in footer.blocks for chunk, length in block.chunks}


def _name_of(record: Record) -> bytes:
    return f"{record.start.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}-{record.id[:12]}".encode()


def _latest(newest: bytes) -> Node:
    return Node(Entry(name=LATEST, kind=EntryKind.SYMLINK, mode=0o777, target=newest, size=len(newest)))


def _folder(name: bytes, mtime_ns: int) -> Entry:
    return Entry(name=name or b"/", kind=EntryKind.DIRECTORY, mode=0o555, mtime_ns=mtime_ns)
