"""What writers ask of the chunk index, and how several worker processes share one writer's view of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.ports import ChunkIndex, PackKind, PackRow
from holdfast.errors import Conflict

if TYPE_CHECKING:
    from holdfast.backup.workers import Ask

STORED, ANNOUNCE, PUBLISH = "stored", "announce", "publish"
CLAIM, RELEASE = "claim", "release"


@runtime_checkable
class Register(Protocol):
    """Where a writer learns what is stored, and makes its packs known."""

    def stored(self, chunks: Collection[ChunkId]) -> Collection[ChunkId]:
        """Return those that need not be stored: usable already, or another worker of this session stores them."""

    def announce(self, row: PackRow) -> None:
        """Write the pack row, before the object is put."""

    def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        """Make the pack and its places known, after the object is durable.

        Raises:
            Conflict: a prune collected it meanwhile.
        """


@runtime_checkable
class Claims(Protocol):
    """Who of a session's processes stores a chunk. A chunk is claimed before it is looked up.

    So two processes that meet a chunk at once do not both store it.
    """

    def claim(self, chunks: Collection[ChunkId]) -> Collection[ChunkId]:
        """Return those that were promised already; the others are promised now, whether or not they are stored."""

    def release(self, chunks: Collection[ChunkId]) -> None:
        """Take back what was promised of these: the index has them."""


class IndexRegister:
    """The chunk index itself."""

    def __init__(self, index: ChunkIndex) -> None:
        self._index = index

    def stored(self, chunks: Collection[ChunkId]) -> Collection[ChunkId]:
        """Return those that are in LIVE packs."""
        return self._index.usable(chunks).keys()

    def announce(self, row: PackRow) -> None:
        """Write the pack row."""
        self._index.announce(row)

    def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        """Make the pack and its places known."""
        self._index.publish(pack, chunks)


class AskedRegister:
    """A worker's register: every call is a question to the process that holds the index."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def stored(self, chunks: Collection[ChunkId]) -> Collection[ChunkId]:
        """Return those that need not be stored."""
        return self.begin(chunks)()

    def begin(self, chunks: Collection[ChunkId]) -> Callable[[], Collection[ChunkId]]:
        """Ask what `stored` does, and return what waits for the answer."""
        ids = list(chunks)
        known = self._ask.later([STORED, ids])
        return lambda: {chunk for chunk, is_known in zip(ids, known(), strict=True) if is_known}

    def announce(self, row: PackRow) -> None:
        """Write the pack row."""
        self._ask([ANNOUNCE, row.pack, row.kind.value, row.size, row.session])

    def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        """Make the pack and its places known."""
        if not self._ask([PUBLISH, pack, list(chunks)]):
            raise Conflict(f"pack {pack} was collected while it was stored; store its content again")


class AskedClaims:
    """A worker's claims, where it can reach the index itself: all that it asks is who stores a chunk."""

    def __init__(self, ask: Callable[[Any], Any]) -> None:
        self._ask = ask

    def claim(self, chunks: Collection[ChunkId]) -> Collection[ChunkId]:
        """Return those that another process was told to store; the others are promised now."""
        ids = list(chunks)
        mask: bytes = self._ask([CLAIM, ids])
        return {chunk for chunk, is_promised in zip(ids, mask, strict=True) if is_promised}

    def release(self, chunks: Collection[ChunkId]) -> None:
        """Take back what was promised of these: the index has them."""
        if chunks:
            self._ask([RELEASE, list(chunks)])


class SharedRegister:
    """One session's view of the index: a chunk that one of its processes is storing is promised, so no other stores it.

    A promise is kept or the session fails: when a worker dies, nothing of the session is acknowledged.
    """

    def __init__(self, register: Register) -> None:
        self._register = register
        self._promised: set[ChunkId] = set()
        self._claiming = Lock()

    def stored(self, chunks: Collection[ChunkId]) -> Collection[ChunkId]:
        """Return those that need not be stored; the others are promised now."""
        unknown = [chunk for chunk in chunks if chunk not in self._promised]
        found = self._register.stored(unknown)
        promised = self._promised.intersection(chunks)
        self._promised.update(chunk for chunk in unknown if chunk not in found)
        return promised.union(found)

    def announce(self, row: PackRow) -> None:
        """Write the pack row."""
        self._register.announce(row)

    def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        """Make the pack and its places known: the promise of its chunks is kept."""
        self._register.publish(pack, chunks)
        self.release(chunks)

    def claim(self, chunks: Collection[ChunkId]) -> Collection[ChunkId]:
        """Return those that were promised already; the others are promised now, whether or not they are stored."""
        with self._claiming:
            promised = self._promised.intersection(chunks)
            self._promised.update(chunks)
        return promised

    def release(self, chunks: Collection[ChunkId]) -> None:
        """Take back what was promised of these: the index has them."""
        with self._claiming:
            self._promised.difference_update(chunks)


def answer(register: Register | Claims, question: Any) -> Any:
    """Return the answer to one question of an `AskedRegister`, or of `AskedClaims` if this one is shared."""
    if question[0] in (CLAIM, RELEASE):
        assert isinstance(register, Claims)
        return _answer_claim(register, *question)
    assert isinstance(register, Register)
    if question[0] == STORED:
        known = register.stored(question[1])
        return bytes(chunk in known for chunk in question[1])
    if question[0] == ANNOUNCE:
        _, pack, kind, size, session = question
        return register.announce(
            PackRow(pack=PackId(pack), kind=PackKind(kind), size=size, session=SnapshotId(session))
        )
    _, pack, chunks = question
    try:
        register.publish(PackId(pack), chunks)
    except Conflict:
        return False
    return True


def _answer_claim(register: Claims, what: str, chunks: Sequence[ChunkId]) -> bytes:
    if what == RELEASE:
        register.release(chunks)
        return b""
    promised = register.claim(chunks)
    return bytes(chunk in promised for chunk in chunks)
