"""What every library that derives a key from a password must give."""

from __future__ import annotations

import threading
import time

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from holdfast.backup import argon2id
from holdfast.backup.argon2id import PasswordCost, derive
from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_slots import PasswordKey
from tests.support.patience import PATIENCE_SECONDS

SALT = bytes(range(16))
HERE = RepositoryId("a" * 32)


def test_openssl_gives_the_tag_of_rfc_9106() -> None:
    """Section 5.3: four lanes, with a secret and associated data, which ours has none of."""
    kdf = Argon2id(salt=b"\2" * 16, length=32, iterations=3, lanes=4, memory_cost=32, secret=b"\3" * 8, ad=b"\4" * 12)
    tag = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    assert kdf.derive(b"\1" * 32).hex() == tag


def test_openssl_gives_the_reference_implementations_key_in_one_lane() -> None:
    """`test.c` of phc-winner-argon2, version 19, whose salt of 8 bytes libsodium does not take."""
    kdf = Argon2id(salt=b"somesalt", length=32, iterations=2, lanes=1, memory_cost=65536)
    assert kdf.derive(b"password").hex() == "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"


@pytest.mark.parametrize("password", [b"", b"correct horse", b"\0 and more", "gr\u00fcn".encode(), b"x" * 5000])
@pytest.mark.parametrize(("memory_kib", "passes"), [(8, 1), (13, 2), (64, 1), (1000, 3), (64 * 1024, 3)])
def test_both_libraries_give_the_same_key_in_one_lane(password: bytes, memory_kib: int, passes: int) -> None:
    cost = PasswordCost(memory_kib=memory_kib, passes=passes, lanes=1)
    assert argon2id._by_libsodium(password, SALT, cost) == argon2id._by_openssl(password, SALT, cost)


def test_a_slot_of_several_lanes_made_by_an_earlier_holdfast_opens() -> None:
    """As `PasswordKey("password").wrap(bytes(range(32)), ...)` made it when a slot had four lanes."""
    slot = {
        "kind": "password",
        "kdf": "argon2id",
        "memory_kib": 1024,
        "passes": 3,
        "lanes": 4,
        "salt": "RXx2nznYZEGZwOW9vPvIWw==",
        "wrapped": "N86Ry94fwbDqa0TxrrJc2xNEguB9k72PimOzJqOsjMNMliNvFqLqAnKUX+hY5OGrmYeosEBT1CnuY79P",
    }
    assert PasswordKey("password").unwrap(slot, HERE) == bytes(range(32))


@pytest.mark.parametrize("lanes", [1, 4])
def test_others_run_while_a_key_is_derived(lanes: int) -> None:
    """The interpreter's lock is given up: else what goes on beside it would stand still for 0.1 s."""
    done = threading.Event()

    def run() -> None:
        derive(b"password", SALT, PasswordCost(lanes=lanes))
        done.set()

    derive(b"password", SALT, PasswordCost(memory_kib=64, lanes=lanes))  # loads the library
    thread = threading.Thread(target=run)
    thread.start()
    turns = 0
    while not done.wait(0):
        turns += 1
        time.sleep(0.001)
    thread.join(PATIENCE_SECONDS)
    assert turns > 2  # held, it would be counted once, or twice


def test_memory_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from nacl import bindings, exceptions

    def refuse(*_: object) -> bytes:
        raise exceptions.RuntimeError("Unexpected failure in key derivation")

    monkeypatch.setattr(bindings, "crypto_pwhash_alg", refuse)
    with pytest.raises(MemoryError, match="65536 KiB"):
        derive(b"password", SALT, PasswordCost())
