"""The content of many files comes in the order of packs: a block is opened once, a file given when it is whole."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from holdfast.backup import reader as reading
from holdfast.backup.contents import File, whole_files
from holdfast.backup.entry import Entry, EntryKind, Item
from holdfast.backup.ids import ChunkId, PackId
from holdfast.backup.pack import open_block, pack_key
from holdfast.backup.reader import ChunkReader, PlacesByPack, by_pack
from holdfast.backup.repository import Repository
from holdfast.errors import IntegrityError
from tests.support.chunks import store
from tests.support.repositories import any_repository, noise

TEXTS = [f"text {number} ".encode() * 2000 for number in range(8)]
"""They shrink, so that all of them are in one block."""


def file(name: bytes, *items: Item, size: int = 0) -> File:
    return (name,), Entry(name, EntryKind.FILE, size=size, content=items)


def given(repository: Repository, files: Iterable[File], places: PlacesByPack) -> list[tuple[bytes, bytes | None]]:
    """Return names and contents as they come; no content where it cannot be read."""
    found: list[tuple[bytes, bytes | None]] = []
    for (path, _), content in whole_files(ChunkReader(repository, cache_bytes=0), files, places):
        try:
            data = b"".join(bytes(piece) for piece in content)  # a hole of n bytes is n zeros
        except IntegrityError:
            found.append((path[0], None))
        else:
            found.append((path[0], data))
    return found


def places_of(repository: Repository, chunks: Iterable[ChunkId]) -> PlacesByPack:
    return by_pack(repository.index.readable(list(chunks)))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was opened: the number of chunks of each block."""
    counts = []
    honest = open_block

    def counted(*arguments: object) -> object:
        found = honest(*arguments)  # type: ignore[arg-type]
        counts.append(len(found))
        return found

    monkeypatch.setattr(reading, "open_block", counted)
    return counts


def test_a_block_that_many_files_share_is_opened_once(opened: list[int]) -> None:
    repository = any_repository()
    chunks = store(repository, *TEXTS)
    files = [file(str(n).encode(), chunks[n % 8], chunks[(n + 3) % 8]) for n in range(20)]
    expected = {str(n).encode(): TEXTS[n % 8] + TEXTS[(n + 3) % 8] for n in range(20)}
    assert dict(given(repository, files, places_of(repository, chunks))) == expected
    assert opened == [8]


def test_a_file_comes_with_its_last_chunk_and_files_alike_together() -> None:
    repository = any_repository()
    chunks = store(repository, *TEXTS)
    first, last, twin = (
        file(b"first", chunks[7], chunks[0]),
        file(b"last", chunks[1]),
        file(b"twin", chunks[7], chunks[0]),
    )
    names = [name for name, _ in given(repository, [first, last, twin], places_of(repository, chunks))]
    assert names == [b"last", b"first", b"twin"]


def test_holes_and_a_chunk_that_comes_twice_stand_where_they_belong() -> None:
    repository = any_repository()
    a, b = store(repository, *TEXTS[:2])
    files = [file(b"holey", 5, a, 3, b, a, 2), file(b"empty"), file(b"hole", 4)]
    expected = {
        b"holey": bytes(5) + TEXTS[0] + bytes(3) + TEXTS[1] + TEXTS[0] + bytes(2),
        b"empty": b"",
        b"hole": bytes(4),
    }
    assert dict(given(repository, files, places_of(repository, [a, b]))) == expected


def test_what_is_damaged_takes_with_it_only_the_files_that_need_it() -> None:
    repository = any_repository()
    chunks = store(repository, *(noise(100_000, seed) for seed in range(6)))
    place = repository.index.readable(chunks)[chunks[2]]
    data = bytearray(repository.objects.get(pack_key(place.pack)))
    data[250_000] ^= 1
    repository.objects.delete(pack_key(place.pack))
    repository.objects.put(pack_key(place.pack), bytes(data))
    files = [file(str(n).encode(), chunk) for n, chunk in enumerate(chunks)] + [file(b"both", chunks[0], chunks[2])]
    found = dict(given(repository, files, places_of(repository, chunks)))
    assert {name for name, content in found.items() if content is None} == {b"2", b"both"}
    assert found[b"5"] == noise(100_000, 5)
    assert len(found) == 7


def test_a_file_with_a_chunk_of_no_known_place_is_looked_up_alone() -> None:
    repository = any_repository()
    chunks = store(repository, *TEXTS)
    known = places_of(repository, chunks[:4])
    nowhere = ChunkId(b"\0" * 32)
    files = [file(b"known", chunks[0]), file(b"untold", chunks[0], chunks[6]), file(b"lost", nowhere)]
    assert dict(given(repository, files, known)) == {b"known": TEXTS[0], b"untold": TEXTS[0] + TEXTS[6], b"lost": None}


def test_chunks_that_are_no_longer_where_they_were_are_looked_for_once_more() -> None:
    repository = any_repository()
    chunks = store(repository, *TEXTS)
    outdated = {PackId("0" * 64): dict.fromkeys(chunks, 0)}
    asked: list[int] = []
    honest = repository.index

    class Asked:
        def named(self, wanted: Iterable[ChunkId]) -> object:
            asked.append(len(list(wanted)))
            return honest.named(list(wanted))

    moved = repository._replace(index=Asked())  # type: ignore[arg-type]
    files = [file(str(n).encode(), chunk) for n, chunk in enumerate(chunks)]
    assert dict(given(moved, files, outdated)) == {str(n).encode(): text for n, text in enumerate(TEXTS)}
    assert asked == [8]
