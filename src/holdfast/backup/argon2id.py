"""Argon2id (RFC 9106): a key from a password, at a stated cost for each try."""

from __future__ import annotations

import threading
from typing import NamedTuple

from holdfast.backup.key_sizes import KEY_BYTES

_OPENSSL = threading.Lock()
"""One derivation at a time: OpenSSL gives out the threads of a process one by one, so that two that need four each wait
for each other for ever, or fail for want of memory (seen with cryptography 50, OpenSSL 4.0)."""


class PasswordCost(NamedTuple):
    """Work to try one password. Default: memory and passes of RFC 9106's second recommended option, in one lane.

    A lane more lets the work be done by a thread more; it is no more work, for us or for who guesses.
    """

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 1

    @property
    def is_sane(self) -> bool:
        """Whether a slot that asks for it may have it: a hostile one must not take all memory."""
        return 8 * self.lanes <= self.memory_kib <= 1024 * 1024 and 1 <= self.passes <= 16 and 1 <= self.lanes <= 16


def derive(password: bytes, salt: bytes, cost: PasswordCost) -> bytes:
    """Return the key of 32 bytes; other threads run meanwhile.

    Raises:
        MemoryError: there is too little for this cost.
    """
    if cost.lanes > 1:
        return _by_openssl(password, salt, cost)
    return _by_libsodium(password, salt, cost)


def _by_libsodium(password: bytes, salt: bytes, cost: PasswordCost) -> bytes:
    """One lane: half of OpenSSL's CPU, as it uses the processor's vector instructions."""
    from nacl import exceptions
    from nacl.bindings import crypto_pwhash_alg, crypto_pwhash_ALG_ARGON2ID13

    try:
        key: bytes = crypto_pwhash_alg(
            KEY_BYTES, password, salt, cost.passes, cost.memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13
        )
    except exceptions.RuntimeError as error:
        raise MemoryError(f"no memory for Argon2id of {cost.memory_kib} KiB") from error
    return key


def _by_openssl(password: bytes, salt: bytes, cost: PasswordCost) -> bytes:
    """Several lanes, as slots had them before; each takes a thread."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    kdf = Argon2id(salt=salt, length=KEY_BYTES, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib)
    with _OPENSSL:
        return kdf.derive(password)
