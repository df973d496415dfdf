"""Storing chunks: once each, in packs, durable before they are published."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

from holdfast.backup.blocks import shrinks
from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.pack import PackBuilder, Room, SealedPack
from holdfast.backup.pack_store import AHEAD, Answer, PackStore, StoreAhead, StoreNow
from holdfast.backup.ports import PackKind
from holdfast.backup.promises import Claims, IndexRegister, Register, SharedRegister
from holdfast.backup.remote import is_remote
from holdfast.backup.repository import Repository

PACK_BYTES = {PackKind.DATA: 16 * 1024 * 1024, PackKind.TREE: 4 * 1024 * 1024}
SMALL_BYTES = 32 * 1024
"""Chunks below this always share a block; larger ones only with others that shrink."""
SOLID_BYTES = {PackKind.DATA: 1024 * 1024, PackKind.TREE: 512 * 1024}
"""Plaintext of a solid block. Measured: text shrinks to 37 % in blocks of 128 KiB, 33.2 in 512, 32.8 in 1 MiB."""
BATCH_CHUNKS = 512
BATCH_BYTES = 2 * 1024 * 1024
REMEMBERED = 200_000
"""Chunk ids known to be stored, so that a repeated one costs no look-up: about 25 MiB."""


class ChunkWriter:
    """One session's writer. `add` gives the id at once; after `flush` everything added is durable and published."""

    def __init__(self, repository: Repository, session: SnapshotId, register: Register | Claims | None = None) -> None:
        self._repository = repository
        self.session = session
        self.register = register or SharedRegister(IndexRegister(repository.index))
        self._stores = _stores(repository, session, self.register)
        self._asked: deque[tuple[PackKind, _Batch, Answer]] = deque()
        self._batches = {kind: _Batch() for kind in PackKind}
        self._packs: dict[PackKind, _OpenPack] = {}
        self._rooms = {kind: Room() for kind in PackKind}
        self._pending: set[ChunkId] = set()
        self._known: OrderedDict[ChunkId, None] = OrderedDict()
        self.bytes_added = 0
        self.bytes_stored = 0
        self.packs_added: list[PackId] = []

    def add(self, kind: PackKind, plaintext: bytes | memoryview) -> ChunkId:
        """Store `plaintext`, at least one byte, unless the repository has it; return its id."""
        if not plaintext:
            raise ValueError("a chunk has at least one byte")
        chunk = self._repository.keyring.chunk_id(plaintext)
        if chunk in self._pending:
            return chunk
        if chunk in self._known:
            self._known.move_to_end(chunk)
            return chunk
        batch = self._batches[kind]
        # A large piece may be a view of what the source read; a small one must not keep that alive.
        batch.chunks[chunk] = plaintext if len(plaintext) >= SMALL_BYTES else bytes(plaintext)
        batch.size += len(plaintext)
        self._pending.add(chunk)
        if len(batch.chunks) >= BATCH_CHUNKS or batch.size >= BATCH_BYTES:
            self._settle(kind)
        return chunk

    def stands(self, chunk: ChunkId) -> None:
        """Take a chunk for stored without looking it up: the session's parent refers to it."""
        self._remember(chunk)

    def flush(self) -> None:
        """Make everything added durable and published."""
        for kind in PackKind:
            self._settle(kind)
        while self._asked:
            self._take_up(*self._asked.popleft())
        for kind in PackKind:
            self._store(kind)
        self._note(self._stores.finish())

    def rest(self) -> None:
        """Have no threads until the next `add`: for whoever forks."""
        self._stores.rest()

    def _settle(self, kind: PackKind) -> None:
        """Look one batch up, and put what is new of those that were into open packs."""
        batch, self._batches[kind] = self._batches[kind], _Batch()
        if batch.chunks:
            self._asked.append((kind, batch, self._stores.look_up(batch.chunks.keys())))
        while len(self._asked) > self._stores.asks_ahead:
            self._take_up(*self._asked.popleft())

    def _take_up(self, kind: PackKind, batch: _Batch, answer: Answer) -> None:
        stored = answer()
        for chunk in stored:
            self._remember(chunk)
        for chunk, data in batch.chunks.items():
            if chunk not in stored:
                self.bytes_added += len(data)
                self._place(kind, chunk, data)

    def _place(self, kind: PackKind, chunk: ChunkId, data: bytes | memoryview) -> None:
        pack = self._packs.get(kind)
        if pack is None:
            builder = PackBuilder(kind, self._repository.keyring.sealer(), self._rooms[kind])
            pack = self._packs[kind] = _OpenPack(builder)
        pack.add(chunk, data)
        if pack.size >= PACK_BYTES[kind]:
            self._store(kind)
            self._note(self._stores.finish(but=AHEAD))  # before the next is filled

    def _store(self, kind: PackKind) -> None:
        if kind in self._packs:
            self._stores.store(self._packs.pop(kind).finish())
            if self._stores.is_late:
                self._rooms[kind] = Room()  # the system has that pack's back when it is stored

    def _note(self, packs: Sequence[SealedPack]) -> None:
        """Note packs that are durable and published."""
        for pack in packs:
            self.bytes_stored += len(pack.data)
            self.packs_added.append(pack.id)
            for chunk in pack.footer.chunks:
                self._remember(chunk)

    def _remember(self, chunk: ChunkId) -> None:
        self._pending.discard(chunk)
        self._known[chunk] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _stores(repository: Repository, session: SnapshotId, register: Register | Claims) -> PackStore:
    if is_remote(repository.index):
        assert isinstance(register, Claims)
        return StoreAhead(repository, session, register)
    assert isinstance(register, Register)
    return StoreNow(repository, session, register)


class _Batch:
    def __init__(self) -> None:
        self.chunks: dict[ChunkId, bytes | memoryview] = {}
        self.size = 0


class _OpenPack:
    """A pack being filled; chunks that shrink better together wait until they make a solid block."""

    def __init__(self, builder: PackBuilder) -> None:
        self._builder = builder
        self._solid: list[tuple[ChunkId, bytes | memoryview]] = []
        self._solid_bytes = 0
        self._solid_most = SOLID_BYTES[builder.kind]

    @property
    def size(self) -> int:
        return self._builder.size + self._solid_bytes

    def add(self, chunk: ChunkId, data: bytes | memoryview) -> None:
        if len(data) >= SMALL_BYTES and not shrinks(data):
            self._builder.add([(chunk, data)], shrinks=False)
            return
        if self._solid_bytes + len(data) > self._solid_most:
            self._close_solid()
        self._solid.append((chunk, data))
        self._solid_bytes += len(data)

    def finish(self) -> SealedPack:
        self._close_solid()
        return self._builder.finish()

    def _close_solid(self) -> None:
        if self._solid:
            self._builder.add(self._solid)
            self._solid, self._solid_bytes = [], 0
