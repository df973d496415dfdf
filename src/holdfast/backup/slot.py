"""A key slot as it is stored: read without what opens one, which takes longer to load."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.backup.argon2id import PasswordCost
from holdfast.backup.key_sizes import NONCE_BYTES, SALT_BYTES
from holdfast.backup.wire import unpack_json
from holdfast.errors import IntegrityError

if TYPE_CHECKING:
    from holdfast.backup.ports import ObjectStore

FOLDER = "keys/"
"""Holds rings and slots."""
PREFIX = f"{FOLDER}slot-"
BY_PASSWORD = "password"  # noqa: S105 - a kind of slots


def first_password_slot(objects: ObjectStore) -> dict[str, Any] | None:
    """Return the slot that a password is likely tried on first; None where there is none. A hint, and cheap."""
    found = (parse_slot(stored.key, objects.get(stored.key)) for stored in objects.list(PREFIX))
    passwords = [slot for slot in found if slot is not None and slot.get("kind") == BY_PASSWORD]
    return max(passwords, key=lambda slot: int(slot["ring"]), default=None)


def parse_slot(key: str, data: bytes) -> dict[str, Any] | None:
    """Return the slot that an object holds; None if it holds none of this name, or a damaged one."""
    slot = unpack_json(data)
    if slot is None or PREFIX + str(slot.get("slot")) != key or type(slot.get("ring")) is not int:
        return None
    if type(slot.get("seals")) is not str:
        return None
    return slot


def cost_of(slot: Mapping[str, Any]) -> PasswordCost:
    """Return the work that a slot asks for; raise IntegrityError if it cannot be right, or nobody should do it."""
    try:
        cost = PasswordCost(int(slot["memory_kib"]), int(slot["passes"]), int(slot["lanes"]))
    except (KeyError, ValueError, TypeError, OverflowError) as error:  # JSON of Python's has infinity too
        raise damaged(slot) from error
    if not cost.is_sane:
        raise IntegrityError(f"key slot {slot.get('slot')} asks for impossible work; use another key")
    return cost


def salt_and_wrapped(slot: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return the two byte strings of a slot whose key is derived; raise IntegrityError if they cannot be right."""
    try:
        salt, wrapped = base64.b64decode(slot["salt"]), base64.b64decode(slot["wrapped"])
    except (KeyError, ValueError, TypeError) as error:
        raise damaged(slot) from error
    if len(salt) != SALT_BYTES or len(wrapped) < NONCE_BYTES:
        raise damaged(slot)
    return salt, wrapped


def damaged(slot: Mapping[str, Any]) -> IntegrityError:
    """Return the error of a slot that is not what was written."""
    return IntegrityError(f"key slot {slot.get('slot')} is damaged; use another key")


def as_text(data: bytes) -> str:
    """Return the base64 form of bytes, as they stand in a slot."""
    return base64.b64encode(data).decode()
