"""Key files: 256 random bits that open a repository without anybody there to type.

`docs/design/repository-format.md`, section Keys, is the format; `threat-model.md` says what a stolen one means.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from blake3 import blake3

from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_sizes import KEY_BYTES, NONCE_BYTES, SALT_BYTES
from holdfast.backup.key_slots import unwrap_under, wrap_under
from holdfast.backup.sealing import Random
from holdfast.backup.slot import as_text, salt_and_wrapped
from holdfast.errors import InvalidRequest, WrongKey

PREFIX = "holdfast-key-"
VERSION = 1
SUM_DIGITS = 8


class FileKey:
    """Wraps the master key by the 256 random bits of a key file, which need no stretching: nobody chose them."""

    kind = "key-file"

    def __init__(self, key: bytes, *, random: Random = os.urandom) -> None:
        self._key = key
        self._random = random

    def wrap(self, master: bytes, repository: RepositoryId) -> dict[str, Any]:
        """Return the slot's body: the salt, and the master key sealed under what salt and file give."""
        salt = self._random(SALT_BYTES)
        wrapped = wrap_under(self._derive(salt, repository), master, repository, nonce=self._random(NONCE_BYTES))
        return {"kind": self.kind, "kdf": "blake3", "salt": as_text(salt), "wrapped": as_text(wrapped)}

    def unwrap(self, slot: Mapping[str, Any], repository: RepositoryId) -> bytes | None:
        """Return the master key; None if the slot is of another kind.

        Raises:
            WrongKey: the slot is another key file's.
        """
        if slot.get("kind") != self.kind:
            return None
        salt, wrapped = salt_and_wrapped(slot)
        master = unwrap_under(self._derive(salt, repository), wrapped, repository)
        if master is None:
            raise WrongKey("wrong key file for this repository")
        return master

    def _derive(self, salt: bytes, repository: RepositoryId) -> bytes:
        return blake3(b"slot\0" + salt + repository.encode(), key=self._key).digest()


def encode_key_file(key: bytes) -> bytes:
    """Return the one line of a key file: its version, the key, and a sum by which a typo or a cut shows."""
    body = f"{PREFIX}{VERSION} {key.hex()}"
    return f"{body} {_sum_of(body)}\n".encode()


def decode_key_file(data: bytes) -> bytes:
    """Return the key that a key file spells; the line's end may be missing.

    Raises:
        InvalidRequest: it is no key file, a damaged or a newer one. The text does not show what is in it.
    """
    try:
        text = data.decode("ascii").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    version, _, rest = text.removeprefix(PREFIX).partition(" ")
    if not text.startswith(PREFIX) or not version.isdigit():
        raise InvalidRequest(f"is no key file; one begins with '{PREFIX}{VERSION}'; `holdfast repo key add` makes one")
    if version != str(VERSION):
        raise InvalidRequest(f"is of version {version}, which this Holdfast ({VERSION}) does not know: use a newer one")
    digits, _, sum_ = rest.partition(" ")
    with suppress(ValueError):
        key = bytes.fromhex(digits)
        if len(key) == KEY_BYTES and key.hex() == digits and sum_ == _sum_of(f"{PREFIX}{version} {digits}"):
            return key
    raise InvalidRequest("is damaged, cut or mistyped: its sum is not that of its key; bring it back from a copy")


def _sum_of(body: str) -> str:
    return blake3(body.encode()).hexdigest()[:SUM_DIGITS]
