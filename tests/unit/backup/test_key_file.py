"""The form of a key file, and its slot beyond the contract of key providers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_file import FileKey, decode_key_file, encode_key_file
from holdfast.errors import IntegrityError, InvalidRequest, WrongKey

REPOSITORY = RepositoryId("a" * 32)
MASTER, KEY = bytes(range(32)), bytes(range(100, 132))
LINE = encode_key_file(KEY)


def test_the_form_of_a_key_file_stays_as_it_is() -> None:
    """A file made by this Holdfast must open its repository for as long as that is kept."""
    digits = "6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283"
    assert f"holdfast-key-1 {digits} a3419c4e\n".encode() == LINE


@given(key=st.binary(min_size=32, max_size=32))
def test_what_was_written_is_read_with_any_line_end(key: bytes) -> None:
    line = encode_key_file(key)
    assert [decode_key_file(data) for data in (line, line[:-1], line[:-1] + b"\r\n")] == [key] * 3


@given(at=st.integers(0, len(LINE) - 2), bit=st.integers(0, 7))
def test_a_changed_bit_is_told(at: int, bit: int) -> None:
    changed = bytearray(LINE)
    changed[at] ^= 1 << bit
    with pytest.raises(InvalidRequest):
        decode_key_file(bytes(changed))


@pytest.mark.parametrize("length", range(len(LINE) - 1))
def test_a_cut_is_told(length: int) -> None:
    with pytest.raises(InvalidRequest, match=r"no key file|damaged"):
        decode_key_file(LINE[:length])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no key file"),
        (b"correct horse battery staple\n", "no key file"),
        (b"\xff" * 80, "no key file"),
        (LINE.replace(b"-1 ", b"-2 "), "version 2, which this Holdfast"),
        (LINE.upper(), "no key file"),
        (LINE + LINE, "damaged"),
        (b" " + LINE, "no key file"),
        (LINE + b"\n", "damaged"),
        (LINE.replace(b"64656667", b"6465 6667"), "damaged"),
    ],
)
def test_what_is_no_key_file_is_refused_by_name_and_not_shown(data: bytes, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told) as refused:
        decode_key_file(data)
    assert "6667" not in str(refused.value)


@pytest.mark.parametrize("damage", [{"salt": 7}, {"salt": "AAAA"}, {"wrapped": "AAAA"}, {"wrapped": None}])
def test_a_hostile_slot_is_refused_by_name(damage: dict[str, object]) -> None:
    slot = {**FileKey(KEY).wrap(MASTER, REPOSITORY), "slot": "s1", **damage}
    with pytest.raises(IntegrityError, match="key slot s1"):
        FileKey(KEY).unwrap(slot, REPOSITORY)


def test_a_password_slot_is_not_served() -> None:
    slot = {**FileKey(KEY).wrap(MASTER, REPOSITORY), "kind": "password"}
    assert FileKey(KEY).unwrap(slot, REPOSITORY) is None


def test_another_salt_opens_nothing() -> None:
    slot = FileKey(KEY).wrap(MASTER, REPOSITORY)
    with pytest.raises(WrongKey, match="wrong key file"):
        FileKey(KEY).unwrap({**slot, "salt": FileKey(KEY).wrap(MASTER, REPOSITORY)["salt"]}, REPOSITORY)


def test_a_slot_of_format_1_stays_readable() -> None:
    """Written by the first Holdfast with key files, given zeros for random bytes."""
    written = {
        "kind": "key-file",
        "kdf": "blake3",
        "salt": "AAAAAAAAAAAAAAAAAAAAAA==",
        "wrapped": "AAAAAAAAAAAAAAAA/u6poPSpCXyCnK9X6yL1zsyechbVzExXo4EH8EWgTGvr4UkkU8dOC7xeiWNrDHVL",
    }
    assert FileKey(KEY, random=bytes).wrap(MASTER, REPOSITORY) == written
    assert FileKey(KEY).unwrap(written, REPOSITORY) == MASTER
