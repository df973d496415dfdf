"""What damaged chunks cost: which trees and which files they are in. Each node is read once, however many share it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from holdfast.backup.entry import Entry, EntryKind, Path
from holdfast.backup.ids import ChunkId
from holdfast.backup.tree import NODE, Chunks, Piece, decode_node, held_by, held_by_node, pieces_of, root_pieces
from holdfast.errors import IntegrityError


@dataclass(slots=True)
class _Open:
    """A piece, what is still to be looked at below it, and the bits met so far."""

    piece: Piece | None
    rest: Iterator[Piece]
    bits: int


class Blame:
    """Follows damaged chunks up the trees that hold them.

    Memory: some 150 bytes for each distinct node, and, of those that lead to damage, a bit for each damage.

    Args:
        damaged: the bits of the damages that each damaged chunk is part of; bit 0 stands for the first.
    """

    def __init__(self, chunks: Chunks, damaged: Mapping[ChunkId, int]) -> None:
        self._chunks = chunks
        self._damaged = damaged
        self._bits: dict[ChunkId, int] = {}
        self._walked: set[tuple[ChunkId, Path, int]] = set()

    def of(self, roots: Iterable[ChunkId]) -> int:
        """Return the bits of the damages that trees with these root nodes suffer from."""
        return self._below(root_pieces(roots))

    def _below(self, pieces: Iterable[Piece]) -> int:
        stack = [_Open(None, iter(pieces), 0)]
        while True:
            top = stack[-1]
            piece = next(top.rest, None)
            if piece is None:
                stack.pop()
                if top.piece is None:
                    return top.bits
                self._bits[top.piece.mark] = top.bits
                stack[-1].bits |= top.bits
            elif (known := self._bits.get(piece.mark)) is not None:
                top.bits |= known
            else:
                stack.append(self._opened(piece))

    def _opened(self, piece: Piece) -> _Open:
        bits = self._damaged.get(piece.chunk, 0)
        try:
            leaves, pieces = held_by(self._chunks.read(piece.chunk), piece, held_by_node)
        except IntegrityError:
            return _Open(piece, iter(()), bits)  # it is among the damaged
        for leaf in leaves:
            bits |= self._damaged.get(leaf, 0)
        return _Open(piece, iter(pieces), bits)

    def files(self, roots: Iterable[ChunkId], wanted: int) -> Iterator[tuple[Path, int]]:
        """Yield the files that suffer from a wanted damage, and the folders (`b""` is last) whose list does.

        What was yielded of another tree at the same path is left out.
        """
        stack: list[tuple[Path, list[Piece]]] = [((), root_pieces(roots))]
        while stack:
            path, pieces = stack[-1]
            if not pieces:
                stack.pop()
                continue
            piece = pieces.pop()
            bits = self._below([piece]) & wanted
            if not bits or (piece.mark, path, bits) in self._walked:
                continue
            self._walked.add((piece.mark, path, bits))
            if own := self._damaged.get(piece.chunk, 0) & wanted:
                yield (*path, b""), own
            for below, entry, more in self._entries(piece, path):
                if entry is None or entry.kind is EntryKind.DIRECTORY:
                    stack.append((below, more))
                elif found := self._of_file(entry, more) & wanted:
                    yield below, found

    def _entries(self, piece: Piece, path: Path) -> Iterator[tuple[Path, Entry | None, list[Piece]]]:
        """Yield the entries of a node with their pieces, or the pieces of a list of nodes."""
        try:
            data = self._chunks.read(piece.chunk)
            if piece.levels == NODE:
                for entry in decode_node(data):
                    yield (*path, entry.name), entry, pieces_of(entry)
            else:
                yield path, None, held_by(data, piece)[1]
        except IntegrityError:
            return

    def _of_file(self, entry: Entry, lists: list[Piece]) -> int:
        if lists:
            return self._below(lists)
        bits = 0
        for item in entry.content:
            if not isinstance(item, int):
                bits |= self._damaged.get(item, 0)
        return bits
