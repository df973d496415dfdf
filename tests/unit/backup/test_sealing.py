"""Sealing, and what a seal is bound to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.sealing import OVERHEAD_BYTES, Keyring, Opener, Ring, Sealer
from holdfast.errors import IntegrityError

KEYRING = Keyring(Ring.new())


@given(data=st.binary(max_size=300), context=st.binary(max_size=40))
def test_what_was_sealed_opens(data: bytes, context: bytes) -> None:
    sealed = KEYRING.seal("block", context, data)
    assert len(sealed) == len(data) + OVERHEAD_BYTES
    assert KEYRING.open("block", context, memoryview(sealed)) == data


@pytest.mark.parametrize(
    ("purpose", "context"), [("footer", b"c"), ("block", b"d"), ("block", b""), ("bloc", b"kc"), ("block", b"c\0")]
)
def test_a_seal_opens_for_its_purpose_and_context_alone(purpose: str, context: bytes) -> None:
    with pytest.raises(IntegrityError):
        KEYRING.open(purpose, context, KEYRING.seal("block", b"c", b"text"))


@given(at=st.integers(0, OVERHEAD_BYTES + 3), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(at: int, bit: int) -> None:
    sealed = bytearray(KEYRING.seal("block", b"c", b"text"))
    sealed[at] ^= 1 << bit
    with pytest.raises(IntegrityError):
        KEYRING.open("block", b"c", bytes(sealed))


@given(length=st.integers(0, OVERHEAD_BYTES + 3))
def test_any_truncation_is_noticed(length: int) -> None:
    with pytest.raises(IntegrityError):
        KEYRING.open("block", b"c", KEYRING.seal("block", b"c", b"text")[:length])


def test_another_ring_does_not_open_it() -> None:
    with pytest.raises(IntegrityError):
        Keyring(Ring.new()).open("block", b"c", KEYRING.seal("block", b"c", b"text"))


def test_a_sealer_never_repeats_a_nonce_and_sealers_share_no_salt() -> None:
    headers = [sealer.seal("block", b"", b"x")[:32] for sealer in (KEYRING.sealer(), KEYRING.sealer()) for _ in "123"]
    assert len(set(headers)) == 6
    assert len({header[4:20] for header in headers}) == 2


def test_equal_texts_have_unequal_seals() -> None:
    assert KEYRING.seal("block", b"", b"same") != KEYRING.seal("block", b"", b"same")


def test_older_generations_still_open_and_the_newest_seals() -> None:
    ring = Ring.new()
    old = Keyring(ring)
    new = Keyring(Ring(ring.id_key, ring.chunker, {**ring.generations, 2: bytes(32)}))
    assert new.seal("block", b"", b"text").startswith((2).to_bytes(4, "little"))
    assert new.open("block", b"", old.seal("block", b"", b"text")) == b"text"
    with pytest.raises(IntegrityError, match="generation 2"):
        old.open("block", b"", new.seal("block", b"", b"text"))


def test_chunk_ids_are_of_the_ring() -> None:
    assert KEYRING.chunk_id(b"text") == KEYRING.chunk_id(memoryview(b"text"))
    assert KEYRING.chunk_id(b"text") != Keyring(Ring.new()).chunk_id(b"text")
    assert len(KEYRING.chunk_id(b"")) == 32


def test_the_opener_keeps_opening_when_its_cache_is_full() -> None:
    key = bytes(range(32))
    messages = [Sealer(1, key).seal("block", b"", bytes([n % 250])) for n in range(400)]
    opener = Opener({1: key})
    for _ in range(2):
        assert [opener.open("block", b"", each)[0] for each in messages] == [n % 250 for n in range(400)]


def test_the_layout_is_that_of_format_one() -> None:
    """generation | salt | nonce | ciphertext | tag: what older versions sealed must open for ever."""
    sealed = Sealer(7, b"k" * 32, random=lambda size: b"s" * size).seal("block", b"context", b"plain text")
    assert sealed[:32] == b"\7\0\0\0" + b"s" * 16 + bytes(12)
    assert sealed[32:].hex() == PINNED
    assert Opener({7: b"k" * 32}).open("block", b"context", sealed) == b"plain text"


PINNED = "7ec87973dbb22ae6feaa3c9070e789e8d1e760ad8f20d936f232"
