"""What damaged chunks cost, by snapshot and file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from blake3 import blake3

from holdfast.backup.blame import Blame
from holdfast.backup.entry import Entry, EntryKind, Path
from holdfast.backup.ids import ChunkId
from holdfast.backup.tree_builders import MAX_ITEMS, ContentBuilder, NodeBuilder
from holdfast.errors import IntegrityError


def digest(data: bytes) -> ChunkId:
    return ChunkId(blake3(data).digest())


class Chunks:
    """Trees in a dictionary, and how often each chunk was read; what was deleted is damaged."""

    def __init__(self) -> None:
        self.stored: dict[ChunkId, bytes] = {}
        self.reads: Counter[ChunkId] = Counter()

    def emit(self, data: bytes) -> ChunkId:
        self.stored[digest(data)] = data
        return digest(data)

    def read(self, chunk: ChunkId) -> bytes:
        self.reads[chunk] += 1
        if chunk not in self.stored:
            raise IntegrityError("damaged")
        return self.stored[chunk]

    def fetch(self, chunks: Sequence[ChunkId]) -> Iterator[tuple[ChunkId, bytes]]:
        for chunk in chunks:
            yield chunk, self.read(chunk)

    def folder(self, name: bytes, *entries: Entry) -> Entry:
        builder = NodeBuilder(self.emit, digest)
        for entry in entries:
            builder.add(entry)
        nodes, levels = builder.finish()
        return Entry(name=name, kind=EntryKind.DIRECTORY, nodes=nodes, levels=levels)

    def file(self, name: bytes, *texts: bytes) -> Entry:
        builder = ContentBuilder(self.emit)
        for text in texts:
            builder.add(digest(text))
        content, levels = builder.finish()
        return Entry(name=name, kind=EntryKind.FILE, content=content, levels=levels)


def named(blame: Blame, folder: Entry, wanted: int = -1) -> dict[Path, int]:
    return dict(blame.files(folder.nodes, wanted))


def test_each_damage_is_told_with_its_files() -> None:
    chunks = Chunks()
    root = chunks.folder(
        b"",
        chunks.folder(b"a", chunks.file(b"both", b"1", b"2"), chunks.file(b"whole", b"9")),
        chunks.folder(b"b", chunks.file(b"one", b"1")),
        chunks.file(b"long", *(b"long %d" % n for n in range(3 * MAX_ITEMS))),
    )
    blame = Blame(chunks, {digest(b"1"): 1, digest(b"2"): 2, digest(b"long 5000"): 4})
    assert blame.of(root.nodes) == 7
    assert named(blame, root) == {(b"a", b"both"): 3, (b"b", b"one"): 1, (b"long",): 4}
    assert named(Blame(chunks, {digest(b"2"): 2, digest(b"1"): 1}), root, 2) == {(b"a", b"both"): 2}


def test_a_damaged_list_is_told_with_its_folder_or_file_and_hides_nothing() -> None:
    chunks = Chunks()
    torn = chunks.folder(b"torn", chunks.file(b"x", b"1"))
    long = chunks.file(b"long", *(b"long %d" % n for n in range(3 * MAX_ITEMS)))
    root = chunks.folder(b"", long, torn, chunks.file(b"z", b"1"))
    (node, list_) = torn.nodes[0], long.content[0]
    assert isinstance(list_, bytes)
    del chunks.stored[node], chunks.stored[list_]
    blame = Blame(chunks, {node: 1, list_: 2, digest(b"1"): 4})
    assert blame.of(root.nodes) == 7
    assert named(blame, root) == {(b"torn", b""): 1, (b"long",): 2, (b"z",): 4}


def test_what_trees_share_is_read_once_to_find_the_damage_and_no_more_where_there_is_none() -> None:
    chunks = Chunks()
    shared = [chunks.folder(b"%02d" % n, chunks.file(b"f", b"shared %d" % n)) for n in range(20)]
    roots = [chunks.folder(b"", *shared, chunks.file(b"own", b"own %d" % n)) for n in range(30)]
    blame = Blame(chunks, {digest(b"shared 7"): 1})
    assert [blame.of(root.nodes) for root in roots] == [1] * 30
    assert set(chunks.reads.values()) == {1}
    assert [list(blame.files(root.nodes, 1)) for root in roots] == [[((b"07", b"f"), 1)], *[[]] * 29]
    assert sum(chunks.reads.values()) == len(chunks.stored) + 30 + 1
