"""Authenticated encryption of everything a repository stores, and the keys for it.

`docs/design/repository-format.md`, section Sealing, is the format; `threat-model.md` says what it buys.
"""

from __future__ import annotations

import itertools
import os
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.backup.ids import ChunkId
from holdfast.backup.key_sizes import KEY_BYTES, NONCE_BYTES, SALT_BYTES
from holdfast.errors import IntegrityError

TAG_BYTES = 16
HEADER = struct.Struct(f"<I{SALT_BYTES}s{NONCE_BYTES}s")
OVERHEAD_BYTES = HEADER.size + TAG_BYTES
MASTER_GENERATION = 0
"""The generation that stands for the master key itself: it seals the ring."""
CACHED_SUBKEYS = 256

Random = Callable[[int], bytes]


class Sealer:
    """Seals under one random salt and counts nonces up: no two messages share a (subkey, nonce) pair.

    Safe to call from several threads. One per pack, so that 1,000 writers need not know of each other.
    """

    def __init__(self, generation: int, key: bytes, *, random: Random = os.urandom) -> None:
        self._generation = generation
        self._salt = random(SALT_BYTES)
        self._cipher = _cipher(key, self._salt)
        self._count = itertools.count()

    def seal(self, purpose: str, context: bytes, data: bytes | memoryview) -> bytes:
        """Return `data`, encrypted and bound to `purpose` and `context`; longer by `OVERHEAD_BYTES`."""
        nonce = next(self._count).to_bytes(NONCE_BYTES, "little")
        header = HEADER.pack(self._generation, self._salt, nonce)
        return header + self._cipher.encrypt(nonce, data, _associated(purpose, context))

    def seal_into(self, room: memoryview, purpose: str, context: bytes, data: bytes | memoryview) -> None:
        """Do as `seal`, into `room`, which has exactly the bytes that takes: no copy is made."""
        nonce = next(self._count).to_bytes(NONCE_BYTES, "little")
        HEADER.pack_into(room, 0, self._generation, self._salt, nonce)
        self._cipher.encrypt_into(nonce, data, _associated(purpose, context), room[HEADER.size :])


class Ring(NamedTuple):
    """The secrets of a repository; `generations` maps 1, 2, ... to 32-byte data keys."""

    id_key: bytes
    chunker: bytes
    generations: Mapping[int, bytes]

    @classmethod
    def new(cls, random: Random = os.urandom) -> Ring:
        """Return fresh secrets with one generation."""
        return cls(random(KEY_BYTES), random(KEY_BYTES), {1: random(KEY_BYTES)})


class Keyring:
    """Names chunks, seals and opens with a repository's ring."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._newest = max(ring.generations)
        self._opener = Opener(ring.generations)

    @property
    def chunker(self) -> bytes:
        """Return the secret that keys the chunker."""
        return self._ring.chunker

    def chunk_id(self, plaintext: bytes | memoryview) -> ChunkId:
        """Return the chunk's name: equal plaintexts have equal names, and only key holders can compute them."""
        return ChunkId(blake3(plaintext, key=self._ring.id_key).digest())

    def sealer(self) -> Sealer:
        """Return a sealer of its own salt, for one pack."""
        return Sealer(self._newest, self._ring.generations[self._newest])

    def seal(self, purpose: str, context: bytes, data: bytes | memoryview) -> bytes:
        """Return one message sealed under a salt of its own."""
        return self.sealer().seal(purpose, context, data)

    def open(self, purpose: str, context: bytes, sealed: bytes | memoryview) -> bytes:
        """Return what was sealed for this purpose and context.

        Raises:
            IntegrityError: it is damaged, cut, moved from elsewhere, or of a generation this ring lacks.
        """
        return self._opener.open(purpose, context, sealed)


class Opener:
    """Opens messages of several generations, keeping the last subkeys at hand."""

    def __init__(self, generations: Mapping[int, bytes]) -> None:
        self._generations = generations
        self._ciphers: OrderedDict[tuple[int, bytes], AESGCM] = OrderedDict()

    def open(self, purpose: str, context: bytes, sealed: bytes | memoryview) -> bytes:
        """Return what was sealed; raise IntegrityError as `Keyring.open` does."""
        if len(sealed) < OVERHEAD_BYTES:
            raise IntegrityError(f"a sealed {purpose} is cut to {len(sealed)} bytes; run `holdfast verify`")
        generation, salt, nonce = HEADER.unpack_from(sealed)
        if generation not in self._generations:
            raise IntegrityError(f"a sealed {purpose} names key generation {generation}, which this key lacks")
        try:
            body = memoryview(sealed)[HEADER.size :]
            return self._cipher(generation, salt).decrypt(nonce, body, _associated(purpose, context))
        except InvalidTag as error:
            raise IntegrityError(f"a sealed {purpose} fails authentication; run `holdfast verify`") from error

    def _cipher(self, generation: int, salt: bytes) -> AESGCM:
        key = (generation, salt)
        cipher = self._ciphers.get(key)
        if cipher is None:
            cipher = self._ciphers[key] = _cipher(self._generations[generation], salt)
            while len(self._ciphers) > CACHED_SUBKEYS:
                self._ciphers.popitem(last=False)
        return cipher


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(blake3(salt, key=key).digest())


def _associated(purpose: str, context: bytes) -> bytes:
    return purpose.encode("ascii") + b"\0" + context
