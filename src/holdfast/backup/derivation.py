"""A key derived from a password in another process, while this one loads what opens the repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from holdfast.backup.child import Child
from holdfast.backup.wire import pack, unpack

if TYPE_CHECKING:
    from holdfast.backup.argon2id import PasswordCost


class Derivation:
    """What a password gives with a slot's salt and cost, being derived from the moment this is made.

    Args:
        find_slot: gives the slot, None if there is none; called in the other process, where nothing is loaded yet.
    """

    def __init__(self, password: str, find_slot: Callable[[], Mapping[str, Any] | None]) -> None:
        self._child: Child | None = Child(partial(_derive, password, find_slot))
        self._derived: object = None

    def key_for(self, salt: bytes, cost: PasswordCost) -> bytes | None:
        """Return the key once it is there; None if it is another one that was derived, or none could be."""
        if self._child is not None:
            with open(self._child.pipe, "rb", closefd=False) as stream:
                data = stream.read()
            self._derived = unpack(data, "a derived key") if data else None
            self.end()
        match self._derived:
            case [list(of), bytes(key)] if of == [salt, *cost]:
                return key
        return None

    def end(self) -> None:
        """End the process, whether the key is there or not."""
        if self._child is not None:
            self._child.end()
            self._child = None


def _derive(password: str, find_slot: Callable[[], Mapping[str, Any] | None], stream: BinaryIO) -> None:
    from holdfast.backup.argon2id import derive
    from holdfast.backup.slot import cost_of, salt_and_wrapped

    slot = find_slot()
    if slot is not None:
        (salt, _), cost = salt_and_wrapped(slot), cost_of(slot)
        stream.write(pack(((salt, *cost), derive(password.encode(), salt, cost))))
