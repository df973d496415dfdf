"""Entries, chunks in a dictionary and Hypothesis strategies for both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

from hypothesis import strategies as st

from holdfast.backup.entry import Entry, EntryKind, Item
from holdfast.backup.ids import ChunkId
from holdfast.backup.tree_builders import NodeBuilder
from holdfast.errors import IntegrityError


def name_hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def encode_nodes(entries: Iterable[Entry], name_hash: Callable[[bytes], bytes]) -> list[bytes]:
    """Return a directory's nodes, then any lists of nodes; cuts depend on names alone, unless entries are huge."""
    nodes: list[bytes] = []

    def keep(node: bytes) -> ChunkId:
        nodes.append(node)
        return ChunkId(name_hash(node))

    builder = NodeBuilder(keep, name_hash)
    for entry in entries:
        builder.add(entry)
    builder.finish()
    return nodes


class DictChunks:
    """Chunks by id in memory; counts reads."""

    def __init__(self) -> None:
        self.stored: dict[ChunkId, bytes] = {}
        self.reads = 0

    def emit(self, data: bytes) -> ChunkId:
        chunk = ChunkId(name_hash(data))
        self.stored[chunk] = data
        return chunk

    def read(self, chunk: ChunkId) -> bytes:
        self.reads += 1
        if chunk not in self.stored:
            raise IntegrityError(f"chunk {chunk.hex()} is gone")
        return self.stored[chunk]

    def fetch(self, chunks: Sequence[ChunkId]) -> Iterator[tuple[ChunkId, bytes]]:
        for chunk in sorted(set(chunks)):
            yield chunk, self.read(chunk)


names = st.binary(min_size=1, max_size=12).filter(lambda n: n not in (b".", b"..") and b"/" not in n and b"\0" not in n)
chunk_ids = st.binary(min_size=32, max_size=32).map(ChunkId)
items: st.SearchStrategy[Item] = st.one_of(chunk_ids, st.integers(1, 2**40))


def any_entry(name: bytes = b"any", **values: Any) -> Entry:
    return Entry(name=name, **{"kind": EntryKind.FILE, "mode": 0o644, **values})


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    kind = draw(st.sampled_from(EntryKind))
    is_file, is_directory = kind is EntryKind.FILE, kind is EntryKind.DIRECTORY
    levels = draw(st.integers(0, 3)) if is_file or is_directory else 0
    return Entry(
        name=draw(names),
        kind=kind,
        mode=draw(st.integers(0, 0o7777)),
        uid=draw(st.integers(0, 2**32 - 1)),
        gid=draw(st.integers(0, 2**32 - 1)),
        user=draw(st.binary(max_size=8)),
        group=draw(st.binary(max_size=8)),
        mtime_ns=draw(st.integers(-(2**66), 2**66)),
        size=draw(st.integers(0, 2**50)),
        content=tuple(draw(st.lists(items if levels == 0 else chunk_ids, max_size=5))) if is_file else (),
        levels=levels,
        nodes=tuple(draw(st.lists(chunk_ids, max_size=5))) if is_directory else (),
        target=draw(st.binary(min_size=1).filter(lambda t: b"\0" not in t)) if kind is EntryKind.SYMLINK else b"",
        xattrs=tuple(sorted(draw(st.dictionaries(names, st.binary(max_size=9), max_size=3)).items())),
        device=draw(st.integers(0, 2**32)),
        link=draw(st.binary(max_size=16)),
        fingerprint=draw(st.binary(max_size=40)),
    )
