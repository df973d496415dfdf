"""Laws of the tree and manifest codecs: what is written comes back; hostile bytes raise nothing but IntegrityError."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.entry import Entry, Item
from holdfast.backup.ids import SnapshotId
from holdfast.backup.manifest import decode_manifest
from holdfast.backup.tree import content_of, decode_list, decode_node, held_by_node
from holdfast.backup.tree_builders import ContentBuilder
from holdfast.backup.wire import pack
from holdfast.errors import IntegrityError
from tests.support.entries import DictChunks, any_entry, encode_nodes, entries, items, name_hash

directories = st.lists(entries(), max_size=12, unique_by=lambda entry: entry.name).map(
    lambda found: sorted(found, key=lambda entry: entry.name)
)
keys = st.sampled_from([*"ntmugUGMNscidlxrhf", "z"])
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(),
        st.binary(max_size=40),
        st.text("aé\0", max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(keys, st.binary()), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(directories)
def test_a_directory_comes_back_as_it_was(directory: list[Entry]) -> None:
    nodes = encode_nodes(directory, name_hash)
    assert [entry for node in nodes for entry in decode_node(node)] == directory


@given(directories)
def test_nodes_are_canonical(directory: list[Entry]) -> None:
    nodes = encode_nodes(directory, name_hash)
    assert encode_nodes([entry for node in nodes for entry in decode_node(node)], name_hash) == nodes


@given(st.lists(items, max_size=50))
def test_content_comes_back_with_neighbouring_holes_joined(content: list[Item]) -> None:
    chunks = DictChunks()
    builder = ContentBuilder(chunks.emit)
    for item in content:
        builder.add(item)
    stored, levels = builder.finish()
    found = list(content_of(chunks, any_entry(content=stored, levels=levels)))

    assert [item for item in found if isinstance(item, bytes)] == [item for item in content if isinstance(item, bytes)]
    assert sum(i for i in found if isinstance(i, int)) == sum(i for i in content if isinstance(i, int))
    assert not any(isinstance(a, int) and isinstance(b, int) for a, b in pairwise(found))


@given(st.binary(max_size=200))
def test_any_bytes_raise_integrity_errors_only(data: bytes) -> None:
    for decode in (decode_node, lambda d: decode_list(d, 0), lambda d: decode_manifest(d, SnapshotId("0" * 32))):
        with suppress(IntegrityError):
            decode(data)


@given(st.lists(st.dictionaries(keys, values, max_size=6), min_size=1, max_size=3))
def test_any_maps_raise_integrity_errors_only(maps: list[dict[str, object]]) -> None:
    named = [{"n": b"%d" % n, "t": "f", **entry} for n, entry in enumerate(maps)]
    with suppress(IntegrityError):
        decode_node(pack(named))


@given(directories)
def test_what_a_directory_refers_to_is_found_without_decoding_the_rest(directory: list[Entry]) -> None:
    for node in encode_nodes(directory, name_hash):
        whole = [(entry.content, entry.levels, entry.nodes) for entry in decode_node(node)]
        assert [tuple(held) for held in held_by_node(node)] == [each for each in whole if each[0] or each[2]]


@given(st.lists(st.dictionaries(keys, values, max_size=6), min_size=1, max_size=3))
def test_whatever_a_whole_decoding_finds_is_found_without(maps: list[dict[str, object]]) -> None:
    """Nothing that a reader could come to need may be missed by who deletes what nothing refers to."""
    node = pack([{"n": b"%d" % n, "t": "f", **entry} for n, entry in enumerate(maps)])
    try:
        whole = [(entry.content, entry.nodes) for entry in decode_node(node)]
    except IntegrityError:
        return
    held = [(each.content, each.nodes) for each in held_by_node(node)]
    assert [each for each in held if any(each)] == [each for each in whole if any(each)]


@given(directories.filter(bool), st.data())
def test_a_flipped_byte_raises_integrity_errors_only(directory: list[Entry], data: st.DataObject) -> None:
    node = bytearray(encode_nodes(directory, name_hash)[0])
    node[data.draw(st.integers(0, len(node) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(IntegrityError):
        decode_node(bytes(node))
