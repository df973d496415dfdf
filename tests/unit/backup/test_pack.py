"""The pack format."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from holdfast.backup.ids import ChunkId, PackId
from holdfast.backup.pack import (
    MAGIC,
    Block,
    Footer,
    PackBuilder,
    Room,
    SealedPack,
    damaged_blocks,
    decode_footer,
    encode_footer,
    name_of,
    open_block,
    pack_key,
    read_footer,
)
from holdfast.backup.ports import PackKind
from holdfast.backup.sealing import Keyring, Ring
from holdfast.backup.stores.memory import MemoryObjects
from holdfast.backup.wire import pack, unpack
from holdfast.errors import IntegrityError, NotFound

KEYRING = Keyring(Ring.new())
NAME = PackId("f" * 64)


def chunk(data: bytes) -> tuple[ChunkId, bytes]:
    return KEYRING.chunk_id(data), data


def any_pack(kind: PackKind = PackKind.DATA) -> SealedPack:
    builder = PackBuilder(kind, KEYRING.sealer())
    builder.add([chunk(b"a large one " * 9000)])
    builder.add([chunk(b"small"), chunk(b"smaller"), chunk(b"s")])
    return builder.finish()


def stored(one: SealedPack, data: bytes | memoryview | None = None) -> MemoryObjects:
    objects = MemoryObjects()
    objects.put(pack_key(one.id), one.data if data is None else data)
    return objects


@pytest.mark.parametrize("kind", list(PackKind))
def test_a_pack_tells_its_chunks_from_its_bytes_alone(kind: PackKind) -> None:
    one = any_pack(kind)
    footer = read_footer(stored(one), KEYRING, one.id)
    assert encode_footer(footer) == encode_footer(one.footer)
    assert footer.kind is kind
    found = [
        (key, bytes(data))
        for block in footer.blocks
        for key, data in open_block(KEYRING, block, one.data[block.offset : block.offset + block.stored_bytes])
    ]
    assert found == [chunk(data) for data in (b"a large one " * 9000, b"small", b"smaller", b"s")]
    assert list(footer.chunks) == [key for key, _ in found]


def test_a_footer_finds_the_block_of_each_ordinal() -> None:
    footer = any_pack().footer
    assert [footer.find(ordinal) for ordinal in range(-1, 5)] == [
        None,
        *((0 if ordinal == 0 else 1, chunk) for ordinal, chunk in enumerate(footer.chunks)),
        None,
    ]
    assert Footer(PackKind.DATA, ()).find(0) is None


def test_a_pack_is_named_by_its_bytes_and_framed() -> None:
    one = any_pack()
    assert one.id == name_of(one.data)
    assert (bytes(one.data[:8]), bytes(one.data[-4:])) == (MAGIC, b"HFPK")
    assert pack_key(one.id) == f"packs/{one.id[:2]}/{one.id}"


def test_a_pack_finished_again_has_another_name() -> None:
    """A name is announced once; what was collected is stored again under another."""
    builder = PackBuilder(PackKind.DATA, KEYRING.sealer())
    builder.add([chunk(b"x")])
    name, footer, data = builder.finish()
    del data
    second = builder.finish()
    assert name != second.id
    assert encode_footer(read_footer(stored(second), KEYRING, second.id)) == encode_footer(footer)


def test_a_block_copied_to_another_pack_still_opens() -> None:
    one = any_pack()
    block = one.footer.blocks[1]
    builder = PackBuilder(PackKind.DATA, KEYRING.sealer())
    builder.add_sealed(one.data[block.offset :][: block.stored_bytes], block.raw_bytes, block.chunks)
    other = builder.finish()
    (moved,) = other.footer.blocks
    key, data = open_block(KEYRING, moved, other.data[moved.offset :][: moved.stored_bytes])[0]
    assert (key, bytes(data)) == chunk(b"small")


def test_a_long_footer_takes_a_second_read() -> None:
    builder = PackBuilder(PackKind.TREE, KEYRING.sealer())
    for number in range(2000):
        builder.add([chunk(b"%d" % number)])
    one = builder.finish()
    assert len(read_footer(stored(one), KEYRING, one.id).chunks) == 2000


def test_a_block_shown_as_another_does_not_open() -> None:
    one = any_pack()
    first, second = one.footer.blocks
    with pytest.raises(IntegrityError):
        open_block(KEYRING, second, one.data[first.offset :][: first.stored_bytes])


def test_a_chunk_that_is_not_what_its_id_says_is_refused() -> None:
    builder = PackBuilder(PackKind.DATA, KEYRING.sealer())
    builder.add([(KEYRING.chunk_id(b"said"), b"done")])
    one = builder.finish()
    (block,) = one.footer.blocks
    with pytest.raises(IntegrityError, match="other data than its id says"):
        open_block(KEYRING, block, one.data[block.offset :][: block.stored_bytes])


@pytest.mark.parametrize("length", [0, 3, 8, 40, 200, -1, -8, -9, -40])
def test_a_truncated_pack_is_named(length: int) -> None:
    one = any_pack()
    with pytest.raises(IntegrityError, match=one.id):
        read_footer(stored(one, one.data[:length]), KEYRING, one.id)


def test_a_missing_pack_is_not_found() -> None:
    with pytest.raises(NotFound):
        read_footer(MemoryObjects(), KEYRING, NAME)


def test_a_footer_of_one_kind_does_not_pass_as_another() -> None:
    one = any_pack(PackKind.TREE)
    forged = Footer(PackKind.DATA, one.footer.blocks)
    sealed = KEYRING.seal("footer", b"tree", encode_footer(forged))
    data = bytes(one.data[: one.footer.blocks[-1].offset + one.footer.blocks[-1].stored_bytes])
    data += sealed + len(sealed).to_bytes(4, "little") + b"HFPK"
    with pytest.raises(IntegrityError, match="says data but is bound to tree"):
        read_footer(stored(one, data), KEYRING, one.id)


CHUNK = [bytes(32), 5]
GOOD = [8, 60, 5, [CHUNK]]


@pytest.mark.parametrize(
    "blocks",
    [
        "text",
        [7],
        [[8, 60, 5]],
        [[8, 60, 5, []]],
        [[8, 60, 5, [[b"short", 5]]]],
        [[8, 60, 5, [[bytes(32), 0]]]],
        [[8, 60, 5, [[bytes(32), -5]]]],
        [[8, 60, 6, [CHUNK]]],
        [[8, 1, 5, [CHUNK]]],
        [[-8, 60, 5, [CHUNK]]],
        [[0, 60, 5, [CHUNK]]],
        [[8, 60, 5.0, [CHUNK]]],
        [[8, 60, True, [[bytes(32), True]]]],
        [[8, 60, 2**40, [[bytes(32), 2**40]]]],
        [GOOD, GOOD],
        [[100, 60, 5, [CHUNK]], GOOD],
    ],
)
def test_a_hostile_footer_is_refused(blocks: Any) -> None:
    with pytest.raises(IntegrityError, match=NAME):
        decode_footer(pack({"kind": "data", "blocks": blocks}), NAME)


@pytest.mark.parametrize("value", [[], {"kind": "lid", "blocks": []}, {"blocks": []}, {"kind": 1, "blocks": []}])
def test_what_is_no_footer_is_refused(value: Any) -> None:
    with pytest.raises(IntegrityError, match=NAME):
        decode_footer(pack(value), NAME)


def test_unknown_keys_of_a_footer_are_ignored() -> None:
    footer = Footer(PackKind.DATA, (Block(8, 60, 5, ((ChunkId(bytes(32)), 5),)),))
    known: Any = unpack(encode_footer(footer), "a footer")
    assert encode_footer(decode_footer(pack({**known, "later": 1}), NAME)) == encode_footer(footer)


def test_packs_built_in_one_room_one_after_the_other_are_each_whole() -> None:
    room = Room()
    objects = MemoryObjects()
    packs = []
    for size in (3_000_000, 10, 70_000, 5_000_000):
        builder = PackBuilder(PackKind.DATA, KEYRING.sealer(), room)
        data = Random(size).randbytes(size)
        builder.add([chunk(data)])
        one = builder.finish()
        assert name_of(one.data) == one.id
        objects.put(pack_key(one.id), one.data)
        packs.append((one.id, chunk(data)))
        del one
    for id_, expected in packs:
        footer, bad = damaged_blocks(KEYRING, id_, objects.get(pack_key(id_)))
        assert not bad
        block = footer.blocks[0]
        [(key, plaintext)] = open_block(KEYRING, block, objects.get(pack_key(id_), block.offset, block.stored_bytes))
        assert (key, bytes(plaintext)) == expected
