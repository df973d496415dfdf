"""Looking chunks up and storing packs for a writer: at once, or in threads while it goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.pack import PackBuilder, SealedPack, pack_key
from holdfast.backup.ports import PackKind, PackRow
from holdfast.backup.promises import AskedRegister, Claims, IndexRegister, Register
from holdfast.backup.repository import Repository
from holdfast.errors import Conflict

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

ATTEMPTS = 3
AHEAD = 1
"""Packs under way while the next is filled: each is 16 MiB of memory."""
Answer = Callable[[], Collection[ChunkId]]
"""Returns, once it is there, which chunks need not be stored."""


def store_pack(repository: Repository, session: SnapshotId, pack: SealedPack, register: Register | None = None) -> None:
    """Announce, put, publish: after a crash at any point the pack is unreferenced or whole."""
    register = register or IndexRegister(repository.index)
    footer = pack.footer
    count = len(footer.chunks)
    register.announce(PackRow(pack.id, footer.kind, len(pack.data), session, chunk_count=count))
    repository.objects.put(pack_key(pack.id), pack.data)
    register.publish(pack.id, footer.chunks)


class PackStore(Protocol):
    """What a writer needs done with its batches and packs."""

    @property
    def is_late(self) -> bool:
        """Whether packs are stored later, while the next is filled."""

    @property
    def asks_ahead(self) -> bool:
        """Whether answers come later, so that it pays to ask for one more before taking the last."""

    def look_up(self, chunks: Collection[ChunkId]) -> Answer:
        """Begin to look chunks up."""

    def store(self, pack: SealedPack) -> None:
        """Begin to store a pack."""

    def finish(self, *, but: int = 0) -> list[SealedPack]:
        """Wait until at most `but` packs are not durable and published yet; return what is, under the names it has."""

    def rest(self) -> None:
        """Wait for what was begun, and have no threads until the next call."""


class StoreNow:
    """Does everything before it returns."""

    is_late = False

    def __init__(self, repository: Repository, session: SnapshotId, register: Register) -> None:
        self._repository = repository
        self._session = session
        self._register = register
        self._done: list[SealedPack] = []

    @property
    def asks_ahead(self) -> bool:
        """Whether another process answers, meanwhile."""
        return isinstance(self._register, AskedRegister)

    def look_up(self, chunks: Collection[ChunkId]) -> Answer:
        """Look chunks up, or begin to."""
        if isinstance(self._register, AskedRegister):
            return self._register.begin(chunks)
        stored = self._register.stored(chunks)
        return lambda: stored

    def store(self, pack: SealedPack) -> None:
        """Store a pack."""
        self._done.append(self.stored(pack))

    def stored(self, pack: SealedPack) -> SealedPack:
        """Store a pack and return it; one that a prune collected while we slept is stored again under another name.

        Never under the same: a prune that stalled may still delete the object of that name.
        """
        for _ in range(ATTEMPTS - 1):
            with suppress(Conflict):
                store_pack(self._repository, self._session, pack, self._register)
                return pack
            pack = _sealed_anew(self._repository, pack)
        store_pack(self._repository, self._session, pack, self._register)
        return pack

    def finish(self, *, but: int = 0) -> list[SealedPack]:
        """Return what was stored since the last call."""
        done, self._done = self._done, []
        return done

    def rest(self) -> None:
        """There are no threads."""


class StoreAhead:
    """Looks up and stores in threads; for stores that answer late, of which every process has connections of its own.

    Chunks are claimed before they are looked up.
    """

    is_late = asks_ahead = True

    def __init__(self, repository: Repository, session: SnapshotId, claims: Claims) -> None:
        self._repository = repository
        self._claims = claims
        self._now = StoreNow(repository, session, IndexRegister(repository.index))
        self._threads: ThreadPoolExecutor | None = None
        self._packs: deque[Future[SealedPack]] = deque()

    def look_up(self, chunks: Collection[ChunkId]) -> Answer:
        """Claim chunks, and begin to look up those that no other process of this session stores."""
        others = self._claims.claim(chunks)
        mine = [chunk for chunk in chunks if chunk not in others]
        found = self._pool().submit(self._repository.index.usable, mine)

        def answer() -> Collection[ChunkId]:
            usable = found.result().keys()
            self._claims.release(usable)
            return usable | set(others)

        return answer

    def store(self, pack: SealedPack) -> None:
        """Begin to store a pack, in whose room no other may be built."""
        self._packs.append(self._pool().submit(self._now.stored, pack))

    def finish(self, *, but: int = 0) -> list[SealedPack]:
        """Wait for what was begun first."""
        packs = []
        while len(self._packs) > but:
            packs.append(self._packs.popleft().result())
        for pack in packs:
            self._claims.release(pack.footer.chunks)
        return packs

    def rest(self) -> None:
        """Wait for what was begun: threads do not survive a fork."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor  # most writers are local, and need not load this

            self._threads = ThreadPoolExecutor(1 + AHEAD + len(PackKind))
        return self._threads


def _sealed_anew(repository: Repository, pack: SealedPack) -> SealedPack:
    """Return a pack of the same blocks with another footer, and so another name."""
    builder = PackBuilder(pack.footer.kind, repository.keyring.sealer())
    for block in pack.footer.blocks:
        sealed = pack.data[block.offset : block.offset + block.stored_bytes]
        builder.add_sealed(sealed, block.raw_bytes, block.chunks)
    return builder.finish()
