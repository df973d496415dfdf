"""A folder keeps the nodes it had as long as it holds what it held; else its nodes are those it would have anew."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.assembly import Assembly, Kept, Nodes
from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.ids import ChunkId
from holdfast.backup.tree import decode_node
from holdfast.backup.tree_builders import NodeBuilder

FOLDER = Entry(b"folder", EntryKind.DIRECTORY, fingerprint=b"f")
ENTRIES = st.dictionaries(
    st.binary(min_size=1, max_size=2).filter(lambda name: not set(name) & set(b"/.\0")), st.integers(0, 2)
)


def entries_named(sizes: dict[bytes, int]) -> list[Entry]:
    return [Entry(name, EntryKind.FILE, size=size) for name, size in sorted(sizes.items())]


class Store:
    """Nodes by a name of their own."""

    def __init__(self) -> None:
        self.nodes: dict[ChunkId, bytes] = {}

    def emit(self, node: bytes) -> ChunkId:
        self.nodes[name_of(node)] = node
        return name_of(node)

    def built(self, entries: list[Entry]) -> Nodes:
        builder = NodeBuilder(self.emit, name_of)
        for entry in entries:
            builder.add(entry)
        return builder.finish()

    def folder(self, roots: tuple[ChunkId, ...]) -> Entry:
        (folder,) = decode_node(self.nodes[roots[0]])
        return folder


def name_of(data: bytes) -> ChunkId:
    return ChunkId(sha256(data).digest())


@given(ENTRIES, ENTRIES)
def test_a_folder_has_the_nodes_it_would_have_anew(before: dict[bytes, int], after: dict[bytes, int]) -> None:
    store = Store()
    kept = Kept(store.built(entries_named(before)), entries_named(before))
    tree = Assembly(store.emit, name_of)
    tree.open(FOLDER, kept)
    for entry in entries_named(after):
        tree.add(entry)
        assert len(tree.so_far(None)) == 1, "what is noted on the way changes nothing"
    tree.close()
    nodes, levels = store.built(entries_named(after))
    assert store.folder(tree.finish()) == FOLDER._replace(nodes=nodes, levels=levels)


@given(ENTRIES)
def test_of_a_folder_that_holds_what_it_held_nothing_is_built(held: dict[bytes, int]) -> None:
    store = Store()
    tree = Assembly(store.emit, name_of)
    tree.open(FOLDER, Kept(((name_of(b"never built"),), 0), entries_named(held)))
    for entry in entries_named(held):
        tree.add(entry)
    tree.close()
    roots = tree.finish()
    assert list(store.nodes) == list(roots)
    assert store.folder(roots).nodes == (name_of(b"never built"),)


def test_a_folder_that_is_kept_whole_is_not_looked_into() -> None:
    store = Store()
    tree = Assembly(store.emit, name_of)
    tree.open(FOLDER, Kept(((name_of(b"of before"),), 2)))
    tree.close()
    assert store.folder(tree.finish()) == FOLDER._replace(nodes=(name_of(b"of before"),), levels=2)


def test_a_folder_stopped_half_way_has_what_was_added_and_no_fingerprint() -> None:
    store = Store()
    held = entries_named({b"a": 1, b"b": 2})
    tree = Assembly(store.emit, name_of)
    tree.open(FOLDER, Kept(store.built(held), held))
    tree.add(held[0])
    found = store.folder(tree.finish())
    assert (found.nodes, found.fingerprint) == (store.built(held[:1])[0], b"")
