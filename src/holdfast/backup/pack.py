"""Packs: many blocks in one immutable object, with an encrypted footer that says what is where."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import NamedTuple

from blake3 import blake3

from holdfast.backup.blocks import MAX_RAW_BYTES, compress, decompress
from holdfast.backup.ids import ChunkId, PackId
from holdfast.backup.ports import ObjectStore, PackKind
from holdfast.backup.sealing import OVERHEAD_BYTES, Keyring, Sealer
from holdfast.backup.wire import Fields, pack, unpack
from holdfast.errors import IntegrityError

PREFIX = "packs/"
MAGIC = b"HFPACK\0\1"
TRAILER = struct.Struct("<I4s")
END = b"HFPK"
FIRST_READ_BYTES = 64 * 1024
GROWTH_BYTES = 2 * 1024 * 1024
MAX_FOOTER_BYTES = 64 * 1024 * 1024


def pack_key(pack_id: PackId) -> str:
    """Return the object key of a pack."""
    return f"{PREFIX}{pack_id[:2]}/{pack_id}"


def pack_of_key(key: str) -> PackId | None:
    """Return the pack whose object has this key; None for the key of anything else."""
    name = PackId(key.rsplit("/", 1)[-1])
    is_pack = len(name) == 64 and set(name) <= set("0123456789abcdef") and key == pack_key(name)
    return name if is_pack else None


class Block(NamedTuple):
    """Where one block lies in its pack, and the chunks in it, in order."""

    offset: int
    stored_bytes: int
    raw_bytes: int
    chunks: tuple[tuple[ChunkId, int], ...]

    @property
    def context(self) -> bytes:
        """What the block's encryption is bound to: the ids of its chunks."""
        return b"".join(chunk for chunk, _ in self.chunks)


class Footer:
    """What a pack contains. Chunk ordinals count through the blocks in order."""

    def __init__(self, kind: PackKind, blocks: tuple[Block, ...]) -> None:
        self.kind = kind
        self.blocks = blocks

    @property
    def chunks(self) -> list[ChunkId]:
        """The chunk ids by ordinal."""
        return [chunk for block in self.blocks for chunk, _ in block.chunks]

    def find(self, ordinal: int) -> tuple[int, ChunkId] | None:
        """Return the number of the block that holds the chunk of this ordinal, and the chunk; None if there is none."""
        number = bisect_right(self._firsts, ordinal) - 1
        if not 0 <= ordinal < self._firsts[-1]:
            return None
        return number, self.blocks[number].chunks[ordinal - self._firsts[number]][0]

    @cached_property
    def _firsts(self) -> list[int]:
        """The ordinal of each block's first chunk, then the number of chunks."""
        return [0, *accumulate(len(block.chunks) for block in self.blocks)]


class SealedPack(NamedTuple):
    """A finished pack, ready to be stored under its name. `data` stands until its room is used again."""

    id: PackId
    footer: Footer
    data: memoryview


class Room:
    """Memory that one pack after the other is built in, and that grows without being copied.

    It is the system's own, not of the heap, where what grows leaves holes: 5 MiB less for each of four processes.
    """

    def __init__(self) -> None:
        self._memory = mmap(-1, GROWTH_BYTES, flags=MAP_PRIVATE | MAP_ANONYMOUS)

    def whole(self, size: int) -> memoryview:
        """Return so many bytes, which are all there are then."""
        self._memory.resize(size)
        return memoryview(self._memory)

    def view(self, start: int, end: int) -> memoryview:
        """Return these bytes; to grow, views given before must be gone."""
        if end > len(self._memory):
            self._memory.resize(-(-end // GROWTH_BYTES) * GROWTH_BYTES)
        return memoryview(self._memory)[start:end]


class PackBuilder:
    """Collects sealed blocks of one kind until the pack is finished. Memory of the pack itself.

    The pack is built in `room`, which grows as it must: whoever builds one pack after another gives the same again.
    """

    def __init__(self, kind: PackKind, sealer: Sealer, room: Room | None = None) -> None:
        self.kind = kind
        self._sealer = sealer
        self._room = room or Room()
        self._blocks: list[Block] = []
        self.size = 0
        self._next(len(MAGIC))[:] = MAGIC

    def add(self, chunks: Sequence[tuple[ChunkId, bytes | memoryview]], *, shrinks: bool = True) -> None:
        """Add one block of these chunks: compressed together if that `shrinks` them, sealed, bound to their ids."""
        block, body = block_of(chunks, self.size, shrinks=shrinks)
        self._blocks.append(block)
        self._sealer.seal_into(self._next(block.stored_bytes), "block", block.context, body)

    def add_sealed(self, sealed: bytes | memoryview, raw_bytes: int, chunks: tuple[tuple[ChunkId, int], ...]) -> None:
        """Add a block that is sealed already, verbatim: compaction needs no decryption."""
        self._blocks.append(Block(self.size, len(sealed), raw_bytes, chunks))
        self._next(len(sealed))[:] = sealed

    def finish(self) -> SealedPack:
        """Return the whole pack, named by its bytes."""
        end = self.size
        footer = Footer(self.kind, tuple(self._blocks))
        sealed = self._sealer.seal("footer", self.kind.encode(), encode_footer(footer))
        self._next(len(sealed))[:] = sealed
        self._next(TRAILER.size)[:] = TRAILER.pack(len(sealed), END)
        data = self._room.whole(self.size)
        self.size = end  # finished again, it has another footer
        return SealedPack(name_of(data), footer, data)

    def _next(self, length: int) -> memoryview:
        """Return so many bytes at the end of the pack."""
        start, self.size = self.size, self.size + length
        return self._room.view(start, self.size)


def block_of(
    chunks: Sequence[tuple[ChunkId, bytes | memoryview]], offset: int = 0, *, shrinks: bool = True
) -> tuple[Block, bytes]:
    """Return one block of these chunks, and what is to be sealed for it: compressed together if that `shrinks` them."""
    raw = chunks[0][1] if len(chunks) == 1 else b"".join(data for _, data in chunks)
    body = compress(raw, worth_trying=shrinks)
    lengths = tuple((chunk, len(data)) for chunk, data in chunks)
    return Block(offset, len(body) + OVERHEAD_BYTES, len(raw), lengths), body


def name_of(data: bytes | memoryview) -> PackId:
    """Return the name a pack of these bytes must have."""
    return PackId(blake3(data).hexdigest())


def encode_footer(footer: Footer) -> bytes:
    """Return the footer's msgpack form."""
    blocks = [[block.offset, block.stored_bytes, block.raw_bytes, block.chunks] for block in footer.blocks]
    return pack({"kind": str(footer.kind), "blocks": blocks})


def decode_footer(data: bytes, pack_id: PackId) -> Footer:
    """Return the footer that `data` spells.

    Raises:
        IntegrityError: not a footer, or blocks that overlap, run backwards or hold impossible lengths.
    """
    what = f"the footer of pack {pack_id}"
    fields = Fields(unpack(data, what), what)
    kind = fields.get("kind", str)
    if kind not in set(PackKind):
        raise fields.refusal(f"has kind {kind!r}")
    end = len(MAGIC)
    blocks = []
    for value in fields.list_of("blocks", list):
        block = _to_block(value, fields)
        if block.offset < end:
            raise fields.refusal(f"has a block at {block.offset} that overlaps the one before")
        end = block.offset + block.stored_bytes
        blocks.append(block)
    return Footer(PackKind(kind), tuple(blocks))


def _to_block(value: list[object], fields: Fields) -> Block:
    if len(value) != 4 or not isinstance(value[3], list) or not value[3]:
        raise fields.refusal("has a block of a wrong shape")
    offset, stored, raw, chunks = value
    assert isinstance(chunks, list)
    if type(offset) is not int or type(stored) is not int or type(raw) is not int:
        raise fields.refusal("has a block without numbers")
    pairs = []
    for pair in chunks:
        if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) is not bytes or len(pair[0]) != 32:
            raise fields.refusal("has a chunk without an id")
        if type(pair[1]) is not int or not 0 < pair[1] <= MAX_RAW_BYTES:
            raise fields.refusal("has a chunk without a length")
        pairs.append((ChunkId(pair[0]), pair[1]))
    if raw != sum(length for _, length in pairs) or raw > MAX_RAW_BYTES or stored < OVERHEAD_BYTES or offset < 0:
        raise fields.refusal(f"has a block of impossible lengths ({stored} stored, {raw} raw)")
    return Block(offset, stored, raw, tuple(pairs))


def read_footer(objects: ObjectStore, keyring: Keyring, pack_id: PackId) -> Footer:
    """Read and open a pack's footer: one request, two if it is long.

    Raises:
        NotFound: no such pack.
        IntegrityError: the pack is cut, damaged or not one.
    """
    return read_end(objects, keyring, pack_id, FIRST_READ_BYTES)[0]


def read_end(objects: ObjectStore, keyring: Keyring, pack_id: PackId, first_bytes: int) -> tuple[Footer, bytes | None]:
    """Read a pack's last `first_bytes` bytes; return its footer, and the pack itself if that was all of it.

    Raises as `read_footer` does.
    """
    sealed, whole = read_sealed_end(objects, pack_id, first_bytes)
    return open_footer(keyring, pack_id, sealed), whole


def read_sealed_end(objects: ObjectStore, pack_id: PackId, first_bytes: int) -> tuple[bytes, bytes | None]:
    """As `read_end`, but return the footer as it is stored: for who is to open it elsewhere."""
    tail = objects.get(pack_key(pack_id), -first_bytes)
    whole = tail if len(tail) < first_bytes else None
    length = _footer_length(tail, pack_id)
    if length + TRAILER.size > len(tail):
        tail = objects.get(pack_key(pack_id), -(length + TRAILER.size))
        if len(tail) != length + TRAILER.size:
            raise IntegrityError(f"pack {pack_id} is shorter than its footer; run `holdfast verify`")
    return tail[-(length + TRAILER.size) : -TRAILER.size], whole


def footer_in(keyring: Keyring, pack_id: PackId, data: bytes) -> Footer:
    """Open the footer of a whole pack; raise IntegrityError as `read_footer` does."""
    length = _footer_length(data, pack_id)
    return open_footer(keyring, pack_id, data[max(len(data) - length - TRAILER.size, 0) : -TRAILER.size])


def open_footer(keyring: Keyring, pack_id: PackId, sealed: bytes) -> Footer:
    """Open a sealed footer, whichever kind it is bound to."""
    try:
        footer = keyring.open("footer", PackKind.DATA.encode(), sealed)
        kind = PackKind.DATA
    except IntegrityError:
        try:
            footer = keyring.open("footer", PackKind.TREE.encode(), sealed)
        except IntegrityError as error:
            raise IntegrityError(f"pack {pack_id}: {error}") from error
        kind = PackKind.TREE
    decoded = decode_footer(footer, pack_id)
    if decoded.kind is not kind:
        raise IntegrityError(f"pack {pack_id}: its footer says {decoded.kind} but is bound to {kind}")
    return decoded


def _footer_length(tail: bytes, pack_id: PackId) -> int:
    if len(tail) < TRAILER.size:
        raise IntegrityError(f"pack {pack_id} is cut to {len(tail)} bytes; run `holdfast verify`")
    length, end = TRAILER.unpack(tail[-TRAILER.size :])
    if end != END or not OVERHEAD_BYTES <= length <= MAX_FOOTER_BYTES:
        raise IntegrityError(f"pack {pack_id} does not end as a pack: it is cut or damaged; run `holdfast verify`")
    return int(length)


def open_block(keyring: Keyring, block: Block, sealed: bytes | memoryview) -> list[tuple[ChunkId, memoryview]]:
    """Return a block's chunks, each checked against its id. They are parts of one buffer: who keeps one copies it.

    Raises:
        IntegrityError: damaged, or a chunk whose plaintext is not what its id says.
    """
    raw = memoryview(decompress(keyring.open("block", block.context, sealed), block.raw_bytes))
    ends = accumulate(length for _, length in block.chunks)
    chunks = [(chunk, raw[end - length : end]) for (chunk, length), end in zip(block.chunks, ends, strict=True)]
    for chunk, data in chunks:
        if keyring.chunk_id(data) != chunk:
            raise IntegrityError(f"chunk {chunk.hex()} holds other data than its id says; run `holdfast verify`")
    return chunks


def damaged_blocks(keyring: Keyring, pack_id: PackId, data: bytes) -> tuple[Footer, list[int]]:
    """Check a whole pack and return its footer and the numbers of the blocks that cannot be trusted.

    Raises:
        IntegrityError: the pack does not begin or end as one, or has bytes that neither block nor footer owns.
    """
    footer = footer_in(keyring, pack_id, data)
    end = len(data) - _footer_length(data, pack_id) - TRAILER.size
    at = len(MAGIC)
    bad = []
    for number, block in enumerate(footer.blocks):
        if block.offset != at:
            raise IntegrityError(f"pack {pack_id} has {block.offset - at} bytes at {at} that belong to no block")
        at += block.stored_bytes
        try:
            open_block(keyring, block, memoryview(data)[block.offset : at])
        except IntegrityError:
            bad.append(number)
    if data[: len(MAGIC)] != MAGIC or at != end:
        raise IntegrityError(f"pack {pack_id} does not begin as a pack, or its blocks do not reach its footer")
    return footer, bad
