from __future__ import annotations

import pytest

from holdfast.backup.entry import Entry, EntryKind, Item, encode_entry
from holdfast.backup.ids import ChunkId
from holdfast.backup.tree import content_of, decode_list, decode_node, entries_of, references, walk
from holdfast.backup.tree_builders import ITEM_CUT, MAX_ENTRIES, MAX_ITEMS, MAX_NODE_BYTES, ContentBuilder, NodeBuilder
from holdfast.backup.wire import pack
from holdfast.errors import IntegrityError
from tests.support.entries import DictChunks, any_entry, encode_nodes, name_hash


def directory(chunks: DictChunks, name: bytes, entries: list[Entry]) -> Entry:
    builder = NodeBuilder(chunks.emit, name_hash)
    for entry in sorted(entries, key=lambda entry: entry.name):
        builder.add(entry)
    nodes, levels = builder.finish()
    return Entry(name=name, kind=EntryKind.DIRECTORY, mode=0o755, nodes=nodes, levels=levels)


def chunk(number: int) -> ChunkId:
    return ChunkId(name_hash(str(number).encode()))


def test_nodes_are_cut_by_names_so_one_change_rewrites_one_node() -> None:
    before = [any_entry(b"%06d" % n) for n in range(20_000)]
    after = [any_entry(e.name, mode=0o600) if e.name == b"010000" else e for e in before]

    old, new = encode_nodes(before, name_hash), encode_nodes(after, name_hash)

    assert len(old) > 20
    assert sum(a != b for a, b in zip(old, new, strict=True)) == 1


def test_an_added_name_rewrites_one_node() -> None:
    before = [any_entry(b"%06d" % n) for n in range(20_000)]
    after = sorted([*before, any_entry(b"010000x")], key=lambda entry: entry.name)

    old, new = set(encode_nodes(before, name_hash)), set(encode_nodes(after, name_hash))

    assert len(new - old) <= 2


def test_a_node_holds_at_most_4096_entries() -> None:
    nodes = encode_nodes((any_entry(b"%06d" % n) for n in range(9000)), lambda _: b"\1" * 32)
    assert [len(decode_node(node)) for node in nodes] == [MAX_ENTRIES, MAX_ENTRIES, 9000 - 2 * MAX_ENTRIES]


def test_a_node_stays_below_a_chunk_in_size() -> None:
    content = tuple(chunk(n) for n in range(MAX_ITEMS))
    nodes = encode_nodes((any_entry(b"%03d" % n, content=content) for n in range(50)), name_hash)
    assert max(len(node) for node in nodes) <= MAX_NODE_BYTES + 3


def test_builder_refuses_names_out_of_order() -> None:
    builder = NodeBuilder(DictChunks().emit, name_hash)
    builder.add(any_entry(b"b"))
    with pytest.raises(ValueError, match="cannot follow"):
        builder.add(any_entry(b"a"))


def test_long_content_moves_into_lists_and_comes_back_in_order() -> None:
    chunks = DictChunks()
    builder = ContentBuilder(chunks.emit)
    expected: list[Item] = []
    for n in range(100_000):
        item: Item = 4096 if n % 7 == 0 else chunk(n)
        builder.add(item)
        expected.append(item)
    content, levels = builder.finish()

    assert levels == 1
    assert len(content) <= MAX_ITEMS
    assert max(len(data) for data in chunks.stored.values()) < MAX_NODE_BYTES
    assert list(content_of(chunks, any_entry(content=content, levels=levels))) == expected


def test_content_up_to_2048_items_stays_in_the_entry() -> None:
    builder = ContentBuilder(DictChunks().emit)
    for n in range(MAX_ITEMS):
        builder.add(chunk(n))
    content, levels = builder.finish()
    assert (len(content), levels) == (MAX_ITEMS, 0)


def test_one_changed_chunk_rewrites_few_lists() -> None:
    chunks = DictChunks()
    ids = [chunk(n) for n in range(50_000)]

    def lists(items: list[ChunkId]) -> set[Item]:
        builder = ContentBuilder(chunks.emit)
        for item in items:
            builder.add(item)
        return set(builder.finish()[0])

    assert len(lists([chunk(-1), *ids]) - lists(ids)) == 1


def test_neighbouring_holes_become_one() -> None:
    builder = ContentBuilder(DictChunks().emit)
    for hole in (5, 7, 9):
        builder.add(hole)
    assert builder.finish() == ((21,), 0)


def test_lists_of_lists_come_back() -> None:
    chunks = DictChunks()
    wanted = [ChunkId(b"\1" * 24 + n.to_bytes(8, "big")) for n in range(3 * MAX_ITEMS)]  # no content-defined cut
    assert int.from_bytes(b"\1" * 8, "little") % ITEM_CUT != 0
    level1 = [chunks.emit(pack(wanted[n : n + MAX_ITEMS])) for n in range(0, len(wanted), MAX_ITEMS)]
    top = any_entry(content=(chunks.emit(pack(level1)),), levels=2)

    assert list(content_of(chunks, top)) == wanted
    root = chunks.emit(encode_nodes([top], name_hash)[0])
    assert set(references(chunks, [root], set())) == {root, *top.content, *level1, *wanted}


def test_walk_goes_depth_first_with_paths() -> None:
    chunks = DictChunks()
    inner = directory(chunks, b"a", [any_entry(b"x"), any_entry(b"y")])
    top = directory(chunks, b"top", [inner, any_entry(b"a-b")])

    assert [path for path, _ in walk(chunks, top.nodes)] == [(b"a",), (b"a", b"x"), (b"a", b"y"), (b"a-b",)]


def test_a_huge_directory_keeps_its_entry_small_and_its_order() -> None:
    chunks = DictChunks()
    builder = NodeBuilder(chunks.emit, lambda _: bytes(32))  # every entry ends a node
    for n in range(3000):
        builder.add(any_entry(b"%05d" % n))
    nodes, levels = builder.finish()

    assert levels == 1
    assert [entry.name for entry in entries_of(chunks, nodes, levels)] == [b"%05d" % n for n in range(3000)]
    root = chunks.emit(
        encode_nodes([Entry(name=b"d", kind=EntryKind.DIRECTORY, nodes=nodes, levels=levels)], name_hash)[0]
    )
    assert set(references(chunks, [root], set())) == set(chunks.stored)


def test_references_visits_each_shared_node_once() -> None:
    chunks = DictChunks()
    shared = directory(chunks, b"a", [any_entry(b"f", content=(chunk(1),))])
    tops = [directory(chunks, b"t", [shared, any_entry(b"n%d" % n)]) for n in range(5)]
    seen: set[ChunkId] = set()

    found = [list(references(chunks, top.nodes, seen)) for top in tops]

    assert sum(shared.nodes[0] in ids for ids in found) == 1
    assert chunks.reads == len(tops) + 1
    assert {c for ids in found for c in ids} == {c for c in seen if len(c) == 32}


def test_references_are_found_though_a_file_holds_the_bytes_of_a_node() -> None:
    chunks = DictChunks()
    inner = directory(chunks, b"zz", [any_entry(b"f", content=(chunk(1),))])
    top = directory(chunks, b"t", [any_entry(b"a", content=inner.nodes), inner])

    assert chunk(1) in set(references(chunks, top.nodes, set()))


def test_references_report_a_damaged_node_and_go_on() -> None:
    chunks = DictChunks()
    good = directory(chunks, b"good", [any_entry(b"f", content=(chunk(1),))])
    lost = directory(chunks, b"lost", [any_entry(b"f", content=(chunk(2),))])
    torn = directory(chunks, b"torn", [any_entry(b"f", content=(chunk(3),))])
    top = directory(chunks, b"t", [good, lost, torn])
    del chunks.stored[lost.nodes[0]]
    chunks.stored[torn.nodes[0]] = b"\xc1"
    damaged: list[ChunkId] = []

    found = set(references(chunks, top.nodes, set(), on_damage=lambda node, _: damaged.append(node)))

    assert set(damaged) == {lost.nodes[0], torn.nodes[0]}
    assert chunk(1) in found
    with pytest.raises(IntegrityError):
        list(references(chunks, top.nodes, set()))


@pytest.mark.parametrize(
    "value",
    [
        {"t": "f"},
        {"n": b"..", "t": "f"},
        {"n": b".", "t": "f"},
        {"n": b"", "t": "f"},
        {"n": b"a/b", "t": "f"},
        {"n": b"a\0b", "t": "f"},
        {"n": "text", "t": "f"},
        {"n": b"a", "t": "socket"},
        {"n": b"a", "t": "f", "m": 0o10000},
        {"n": b"a", "t": "f", "m": -1},
        {"n": b"a", "t": "f", "m": True},
        {"n": b"a", "t": "f", "u": 2**32},
        {"n": b"a", "t": "f", "N": 10**9},
        {"n": b"a", "t": "f", "c": [b"short"]},
        {"n": b"a", "t": "f", "c": [0]},
        {"n": b"a", "t": "f", "c": [-5]},
        {"n": b"a", "t": "f", "c": [4096], "i": 1},
        {"n": b"a", "t": "f", "i": 9},
        {"n": b"a", "t": "f", "d": [b"n" * 32]},
        {"n": b"a", "t": "d", "c": [b"n" * 32]},
        {"n": b"a", "t": "d", "d": [1]},
        {"n": b"a", "t": "l"},
        {"n": b"a", "t": "l", "l": b"x\0y"},
        {"n": b"a", "t": "f", "x": {"text": b""}},
        {"n": b"a", "t": "f", "x": {b"n": 1}},
        [b"a"],
        None,
    ],
)
def test_hostile_entries_are_refused(value: object) -> None:
    with pytest.raises(IntegrityError):
        decode_node(pack([value]))


@pytest.mark.parametrize("names", [[b"a", b"a"], [b"b", b"a"]])
def test_a_node_out_of_order_is_refused(names: list[bytes]) -> None:
    with pytest.raises(IntegrityError, match="lists"):
        decode_node(pack([{"n": name, "t": "f"} for name in names]))


def test_nodes_that_overlap_are_refused() -> None:
    chunks = DictChunks()
    nodes = [chunks.emit(pack([{"n": name, "t": "f"}])) for name in (b"b", b"a")]
    with pytest.raises(IntegrityError, match="lists"):
        list(entries_of(chunks, nodes))


def test_empty_nodes_and_lists_are_refused() -> None:
    with pytest.raises(IntegrityError):
        decode_node(pack([]))
    with pytest.raises(IntegrityError):
        decode_list(pack([]), 0)


def test_unknown_keys_of_an_entry_are_ignored() -> None:
    (entry,) = decode_node(pack([{"n": b"a", "t": "f", "zz": "later"}]))
    assert entry == Entry(name=b"a", kind=EntryKind.FILE)


def test_an_entry_says_nothing_it_need_not() -> None:
    assert encode_entry(Entry(name=b"a", kind=EntryKind.FILE)) == pack({"n": b"a", "t": "f"})
