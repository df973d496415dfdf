from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.blocks import MAX_RAW_BYTES, STORED, ZSTD, compress, decompress, shrinks
from holdfast.errors import IntegrityError

raws = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.integers(1, 60_000).map(lambda size: b"a line that repeats\n" * (size // 20) + b"."),
    st.integers(1, 60_000).map(os.urandom),
)


@given(raw=raws)
def test_what_was_compressed_comes_back_and_never_grows_by_more_than_the_codec(raw: bytes) -> None:
    block = compress(raw)
    assert decompress(block, len(raw)) == raw
    assert len(block) <= len(raw) + 1


def test_text_shrinks_and_noise_is_stored() -> None:
    assert compress(b"text " * 20_000)[0] == ZSTD
    assert len(compress(b"text " * 20_000)) < 200
    assert compress(os.urandom(100_000))[0] == STORED


def test_a_probe_that_finds_nothing_costs_the_text_between() -> None:
    """The two places looked at are noise: the block counts as noise, by design."""
    raw = bytearray(b"text " * 20_000)
    raw[:4096] = os.urandom(4096)
    raw[50_000 : 50_000 + 4096] = os.urandom(4096)
    assert not shrinks(bytes(raw))


@pytest.mark.parametrize(
    ("block", "length"),
    [
        (b"", 1),
        (b"\0", 0),
        (b"\0abc", 2),
        (b"\0abc", 4),
        (b"\7abc", 3),
        (b"\1", 3),
        (b"\1abc", 3),
        (compress(b"text " * 99)[:-1], 495),
        (compress(b"text " * 99), 494),
        (compress(b"text " * 99), MAX_RAW_BYTES + 1),
        (compress(b"text " * 99), -1),
        (b"\1" + zstandard.ZstdCompressor(write_content_size=False).compress(b"text"), 4),
    ],
)
def test_what_is_no_block_is_refused(block: bytes, length: int) -> None:
    with pytest.raises(IntegrityError):
        decompress(block, length)


def test_a_frame_that_claims_the_world_takes_no_memory() -> None:
    """A single-segment frame of magic, descriptor and an eight-byte content size of 2^60."""
    bomb = b"\x28\xb5\x2f\xfd" + b"\xe0" + (2**60).to_bytes(8, "little") + b"\x01\x00\x00"
    assert zstandard.frame_content_size(bomb) == 2**60
    with pytest.raises(IntegrityError):
        decompress(b"\1" + bomb, 1000)


def test_many_threads_decompress_at_once() -> None:
    raws = [(b"%d a line that compresses well\n" % number) * 20_000 for number in range(8)]
    blocks = [compress(raw) for raw in raws]

    def check(number: int) -> bool:
        return all(decompress(blocks[number], len(raws[number])) == raws[number] for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(check, range(8)))
