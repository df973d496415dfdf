"""Cutting streams."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import zip_longest
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.chunking import ChunkLimits, chunks_of
from holdfast.errors import InvalidRequest

SMALL = ChunkLimits(256, 1024, 4096)
SECRET = b"a secret of the ring"


def cut(data: bytes, limits: ChunkLimits = SMALL, secret: bytes = SECRET) -> list[bytes]:
    return [bytes(chunk) for chunk in chunks_of(io.BytesIO(data).read, limits, secret)]


def dribbling(data: bytes, random: Random) -> Callable[[int], bytes]:
    stream = io.BytesIO(data)
    return lambda size: stream.read(random.randint(1, min(size, 5000)))


def noise(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


@given(data=st.binary(max_size=9000), copies=st.integers(1, 5))
def test_chunks_joined_in_order_are_the_stream(data: bytes, copies: int) -> None:
    chunks = cut(data * copies)
    assert b"".join(chunks) == data * copies
    assert all(SMALL.least <= len(chunk) <= SMALL.most for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= SMALL.most for chunk in chunks)


def test_an_empty_stream_has_no_chunk() -> None:
    assert cut(b"") == []


def test_a_stream_below_the_minimum_is_one_chunk() -> None:
    assert cut(noise(SMALL.least - 1)) == [noise(SMALL.least - 1)]


@pytest.mark.parametrize("size", [1, 4096, 50_000, 5 * 1024 * 1024])
def test_cuts_do_not_depend_on_how_the_stream_is_read(size: int) -> None:
    data = noise(size)
    assert list(chunks_of(dribbling(data, Random(7)), SMALL, SECRET)) == cut(data)


def test_cuts_do_not_depend_on_where_buffers_end() -> None:
    limits = ChunkLimits()
    data = noise(9 * 1024 * 1024)
    assert list(chunks_of(dribbling(data, Random(7)), limits, SECRET)) == cut(data, limits)
    assert cut(data[: 1024 * 1024], limits)[:-1] == cut(data, limits)[: len(cut(data[: 1024 * 1024], limits)) - 1]


def test_an_insertion_changes_only_chunks_near_it() -> None:
    data = noise(300_000)
    before, after = set(cut(data)), set(cut(data[:150_000] + b"inserted" + data[150_000:]))
    assert len(after - before) <= 4
    assert len(before) > 100


def test_another_secret_cuts_elsewhere() -> None:
    data = noise(300_000)
    assert len(set(cut(data)) & set(cut(data, secret=b"another secret"))) <= 3


def test_sizes_gather_around_the_average() -> None:
    sizes = [len(chunk) for chunk in cut(noise(3_000_000))]
    assert 0.6 * SMALL.average < sum(sizes) / len(sizes) < 1.8 * SMALL.average


def test_cuts_are_those_of_format_one() -> None:
    """Other cuts would find nothing of what older versions stored: change them only for new repositories."""
    assert [len(chunk) for chunk in cut(noise(12_000))] == PINNED


@pytest.mark.parametrize("limits", [(10, 20, 30), (2048, 1024, 4096), (256, 8192, 4096), (1, 2, 2**40)])
def test_impossible_limits_are_refused(limits: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidRequest, match="chunk limits"):
        ChunkLimits(*limits).checked()


PINNED = [1296, 1063, 1203, 2276, 448, 2181, 1561, 1972]


def test_two_streams_cut_in_turns_are_each_cut_as_alone() -> None:
    """The cutter is shared: it must keep nothing of what it cuts."""
    one, other = noise(60_000, 1), noise(60_000, 2)
    streams = [chunks_of(io.BytesIO(data).read, SMALL, SECRET) for data in (one, other)]
    pieces: list[list[bytes]] = [[], []]
    for pair in zip_longest(*streams):
        for into, piece in zip(pieces, pair, strict=True):
            into.extend([] if piece is None else [bytes(piece)])
    assert pieces == [cut(one), cut(other)]
    assert cut(one, secret=b"another secret") != cut(one)
