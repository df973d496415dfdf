"""The snapshot before, walked beside the source: what did not change is taken from it without being read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.ids import ChunkId
from holdfast.backup.tree import Chunks, entries_of
from holdfast.errors import IntegrityError


class StandingChunks:
    """Reads trees that the session may refer to; each node that was read is told, as one that need not be stored."""

    def __init__(self, chunks: Chunks, stands: Callable[[ChunkId], None]) -> None:
        self._chunks = chunks
        self._stands = stands

    def read(self, chunk: ChunkId) -> bytes:
        """Return one chunk's plaintext."""
        data = self._chunks.read(chunk)
        self._stands(chunk)
        return data

    def fetch(self, chunks: Sequence[ChunkId]) -> Iterator[tuple[ChunkId, bytes]]:
        """Yield each distinct chunk once, in any order."""
        for chunk, data in self._chunks.fetch(chunks):
            self._stands(chunk)
            yield chunk, data


class PreviousFolder:
    """One folder of the snapshot before, asked for names in increasing order: a merge, not a table in memory."""

    def __init__(self, entries: Iterator[Entry] = iter(())) -> None:  # noqa: B008 - an empty iterator has no state
        self._entries = entries
        self._next: Entry | None = None
        self._advance()

    @classmethod
    def of(cls, chunks: Chunks, nodes: Sequence[ChunkId], levels: int = 0) -> PreviousFolder:
        """Return the folder that `nodes` hold."""
        return cls(entries_of(chunks, nodes, levels)) if nodes else cls()

    def find(self, name: bytes) -> Entry | None:
        """Return the entry of this name, if there was one; names must come in increasing order."""
        if self._next is None:
            return None
        while self._next is not None and self._next.name < name:
            self._advance()
        return self._next if self._next is not None and self._next.name == name else None

    def _advance(self) -> None:
        try:
            self._next = next(self._entries, None)
        except IntegrityError:
            self._next = None  # a damaged parent only costs speed: what it cannot tell is read again


def below(chunks: Chunks, entry: Entry | None) -> PreviousFolder:
    """Return the folder that `entry` is, or an empty one."""
    if entry is None or entry.kind is not EntryKind.DIRECTORY:
        return PreviousFolder()
    return PreviousFolder.of(chunks, entry.nodes, entry.levels)


def is_unchanged(found: Entry, before: Entry | None) -> bool:
    """Say whether a file's bytes and attributes are what they were: the source's fingerprint vouches for it."""
    return (
        before is not None
        and before.kind is found.kind is EntryKind.FILE
        and found.fingerprint != b""
        and before.fingerprint == found.fingerprint
    )
