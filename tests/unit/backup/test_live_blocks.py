"""What compaction keeps of a pack."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from holdfast.backup.ids import ChunkId, PackId
from holdfast.backup.live_blocks import WHOLE_SHARE, Sealed, kept, live_bytes
from holdfast.backup.pack import Footer, open_block, pack_key, read_footer
from holdfast.backup.repository import Repository
from tests.support.chunks import store
from tests.support.repositories import any_repository, flip, noise, objects_of

TEXTS = [noise(600, number).hex().encode() for number in range(40)]


def one_pack(*plaintexts: bytes) -> tuple[Repository, PackId, Footer, list[ChunkId]]:
    repository = any_repository()
    chunks = store(repository, *plaintexts)
    (row,) = repository.index.packs()
    return repository, row.pack, read_footer(repository.objects, repository.keyring, row.pack), chunks


def kept_of(repository: Repository, pack: PackId, footer: Footer, live: Collection[ChunkId]) -> list[Sealed]:
    return [(block, bytes(sealed)) for block, sealed in kept(repository, pack, footer, live)]


def opened(repository: Repository, blocks: Collection[Sealed]) -> list[bytes]:
    return [bytes(data) for block, sealed in blocks for _, data in open_block(repository.keyring, block, sealed)]


@pytest.mark.parametrize("live", [40, 37])
def test_a_block_that_lives_nearly_whole_is_copied_as_it_is(live: int) -> None:
    repository, pack, footer, chunks = one_pack(*TEXTS)
    ((block, sealed),) = kept_of(repository, pack, footer, chunks[:live])
    start = footer.blocks[0].offset
    assert block == footer.blocks[0]
    assert sealed == objects_of(repository)[pack_key(pack)][start : start + block.stored_bytes]
    assert live_bytes(footer, chunks[:live]) == block.stored_bytes


@pytest.mark.parametrize("live", [1, 20, 35])
def test_of_a_block_with_dead_chunks_only_the_others_are_kept(live: int) -> None:
    repository, pack, footer, chunks = one_pack(*TEXTS)
    assert live / len(TEXTS) < WHOLE_SHARE
    blocks = kept_of(repository, pack, footer, chunks[:live])
    assert opened(repository, blocks) == TEXTS[:live]
    assert sum(block.stored_bytes for block, _ in blocks) < footer.blocks[0].stored_bytes
    assert live_bytes(footer, chunks[:live]) == footer.blocks[0].stored_bytes * live // len(TEXTS)


def test_blocks_without_a_live_chunk_are_left_out() -> None:
    repository, pack, footer, chunks = one_pack(noise(200_000), *TEXTS)
    assert opened(repository, kept_of(repository, pack, footer, chunks[:1])) == [noise(200_000)]
    assert kept_of(repository, pack, footer, ()) == []
    assert live_bytes(footer, ()) == 0


def test_chunks_of_several_blocks_come_together_in_blocks_of_bounded_size() -> None:
    plaintexts = [bytes([number]) * 150_000 for number in range(30)]
    repository, pack, footer, chunks = one_pack(*plaintexts)
    assert len(footer.blocks) == 5  # of six each
    blocks = kept_of(repository, pack, footer, chunks[::2])
    assert opened(repository, blocks) == plaintexts[::2]
    assert [block.raw_bytes for block, _ in blocks] == [900_000, 900_000, 450_000]
    assert [block.stored_bytes for block, _ in blocks] == [len(sealed) for _, sealed in blocks]


def test_a_damaged_block_is_copied_as_it_is() -> None:
    repository, pack, footer, chunks = one_pack(*TEXTS)
    flip(repository, pack_key(pack), footer.blocks[0].offset + 100)
    ((block, sealed),) = kept_of(repository, pack, footer, chunks[:1])
    start = block.offset
    assert (block, len(sealed)) == (footer.blocks[0], block.stored_bytes)
    assert sealed == objects_of(repository)[pack_key(pack)][start : start + block.stored_bytes]
