"""Ways to the master key: slots, and the password that opens one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.backup.argon2id import PasswordCost, derive
from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_ring import SealedRing
from holdfast.backup.key_sizes import NONCE_BYTES, SALT_BYTES
from holdfast.backup.parallel import each
from holdfast.backup.ports import KeyProvider, ObjectStore
from holdfast.backup.remote import AT_ONCE, is_remote
from holdfast.backup.slot import BY_PASSWORD, PREFIX, as_text, cost_of, parse_slot, salt_and_wrapped
from holdfast.backup.wire import pack_json
from holdfast.errors import Conflict, IntegrityError, NotFound, WrongKey

Begun = Callable[[bytes, PasswordCost], bytes | None]
"""Gives the key for a salt and a cost, waiting for it; None if it is not what was begun."""


class PasswordKey:
    """Wraps the master key by a password.

    Args:
        begun: what was begun to derive the key before it was asked for.
    """

    kind = BY_PASSWORD

    def __init__(
        self,
        password: str,
        *,
        cost: PasswordCost | None = None,
        random: Callable[[int], bytes] = os.urandom,
        begun: Begun | None = None,
    ) -> None:
        self._password = password.encode()
        self._cost = cost or PasswordCost()
        self._random = random
        self._begun = begun

    def wrap(self, master: bytes, repository: RepositoryId) -> dict[str, Any]:
        """Return the slot's body: the cost, the salt, and the master key sealed under what they give."""
        salt = self._random(SALT_BYTES)
        wrapped = wrap_under(self._derive(salt, self._cost), master, repository, nonce=self._random(NONCE_BYTES))
        cost = {"memory_kib": self._cost.memory_kib, "passes": self._cost.passes, "lanes": self._cost.lanes}
        return {"kind": self.kind, "kdf": "argon2id", **cost, "salt": as_text(salt), "wrapped": as_text(wrapped)}

    def unwrap(self, slot: Mapping[str, Any], repository: RepositoryId) -> bytes | None:
        """Return the master key; None if the slot is of another kind.

        Raises:
            WrongKey: the password is not this slot's.
        """
        if slot.get("kind") != self.kind:
            return None
        salt, wrapped = salt_and_wrapped(slot)
        cost = cost_of(slot)
        key = self._begun(salt, cost) if self._begun is not None else None
        master = unwrap_under(key or self._derive(salt, cost), wrapped, repository)
        if master is None:
            raise WrongKey("wrong password for this repository")
        return master

    def _derive(self, salt: bytes, cost: PasswordCost) -> bytes:
        return derive(self._password, salt, cost)


def wrap_under(key: bytes, master: bytes, repository: RepositoryId, *, nonce: bytes) -> bytes:
    """Return the nonce and the master key, encrypted and bound to the repository; `key` must be used this once."""
    return nonce + AESGCM(key).encrypt(nonce, master, _associated(repository))


def unwrap_under(key: bytes, wrapped: bytes, repository: RepositoryId) -> bytes | None:
    """Return the master key that was wrapped under `key` for this repository; None if it was not so."""
    try:
        return AESGCM(key).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _associated(repository))
    except InvalidTag:
        return None


def _associated(repository: RepositoryId) -> bytes:
    return b"slot\0" + repository.encode()


def put_slot(
    objects: ObjectStore,
    provider: KeyProvider,
    master: bytes,
    repository: RepositoryId,
    ring: SealedRing,
    *,
    label: str = "",
) -> str:
    """Store one more way to the master key of a ring and return the slot's name."""
    slot = os.urandom(8).hex()
    body = {"slot": slot, "repository": repository, "ring": ring.number, "seals": ring.seals}
    body |= {"label": label} if label else {}
    body |= provider.wrap(master, repository)
    data = pack_json(body)
    if not objects.put(PREFIX + slot, data) and objects.get(PREFIX + slot) != data:
        raise Conflict(f"key slot {slot} exists already; try again")
    return slot


def list_slots(objects: ObjectStore, repository: RepositoryId) -> Iterator[dict[str, Any]]:
    """Yield the slots of this repository, of any ring; those of a creator that lost the race are left out."""
    return read_slots(objects, repository, (stored.key for stored in objects.list(PREFIX)))


def read_slots(objects: ObjectStore, repository: RepositoryId, keys: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield those of these objects that are slots of this repository and still there."""

    def read(key: str) -> dict[str, Any] | None:
        with suppress(NotFound):
            return parse_slot(key, objects.get(key))
        return None

    names = [key for key in keys if key.startswith(PREFIX)]
    for slot in each(read, names, min(len(names), AT_ONCE) if is_remote(objects) else 1):
        if slot is not None and slot.get("repository") == repository:
            yield slot


def is_current(slot: Mapping[str, Any], ring: SealedRing) -> bool:
    """Say whether the slot leads to this ring: one of an older ring is retired, one of a later not yet valid."""
    return (slot.get("ring"), slot.get("seals")) == (ring.number, ring.seals)


def unwrap_master(
    slots: Sequence[Mapping[str, Any]], providers: Sequence[KeyProvider], repository: RepositoryId, ring: SealedRing
) -> bytes:
    """Return the master key of the current ring, by the first of its slots that a provider opens.

    Raises:
        WrongKey: none does.
        IntegrityError: the ring is not the one that its slots are for.
    """
    refusals: list[str] = []
    current = [slot for slot in slots if is_current(slot, ring)]
    opened = _try_each(current, providers, repository, refusals)
    if opened is not None:
        return opened[1]
    if not current and (not slots or any(slot["ring"] == ring.number for slot in slots)):
        missing = "no key slot leads to the key ring" if slots else "every key slot is lost"
        raise IntegrityError(f"{missing}: bring it back with `holdfast repair --replica COPY --apply`")
    retired = [slot for slot in slots if slot["ring"] < ring.number]
    if _try_each(retired, providers, repository, []) is not None:
        raise WrongKey("this key was retired when the keys were rotated; have it added by someone whose key opens")
    kinds = ", ".join(sorted({str(slot.get("kind")) for slot in current})) or "none"
    told = "; ".join(dict.fromkeys(refusals))  # each once: several slots may have refused the same key
    raise WrongKey(told or f"no key at hand opens this repository; its slots are: {kinds}")


def slot_opened_by(
    slots: Iterable[Mapping[str, Any]], provider: KeyProvider, repository: RepositoryId
) -> Mapping[str, Any] | None:
    """Return the first of the slots that this provider opens; None if it opens none."""
    opened = _try_each(list(slots), [provider], repository, [])
    return opened and opened[0]


def _try_each(
    slots: Sequence[Mapping[str, Any]],
    providers: Sequence[KeyProvider],
    repository: RepositoryId,
    refusals: list[str],
) -> tuple[Mapping[str, Any], bytes] | None:
    """Return the first slot that opens, and the master key in it; note why others do not."""
    for provider in providers:  # the caller's order: cheap ones come first
        for slot in slots:
            try:
                master = provider.unwrap(slot, repository)
            except (WrongKey, IntegrityError) as error:
                refusals.append(str(error))
                continue
            if master is not None:
                return slot, master
    return None
