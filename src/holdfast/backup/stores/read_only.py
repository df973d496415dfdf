"""Objects that can be read and not changed."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.backup.cold import STANDARD, Temperature, Tier, cold_store
from holdfast.backup.ports import ObjectStore, StoredObject
from holdfast.backup.remote import Remote
from holdfast.errors import InvalidRequest


class ReadOnlyObjects:
    """The objects of another store, every change to which is refused with `reason`. A thaw changes no object."""

    def __init__(self, objects: ObjectStore, reason: str) -> None:
        self._objects = objects
        self._reason = reason

    def reconnected(self) -> ReadOnlyObjects:
        """Return the same objects for a forked process."""
        objects = self._objects.reconnected() if isinstance(self._objects, Remote) else self._objects
        return ReadOnlyObjects(objects, self._reason)

    def put(self, key: str, data: bytes | memoryview) -> bool:
        """Refuse."""
        raise InvalidRequest(self._reason)

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        return self._objects.get(key, start, length)

    def size(self, key: str) -> int | None:
        """Return an object's size in bytes, None if it does not exist."""
        return self._objects.size(key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key starts with `prefix`, in key order."""
        return self._objects.list(prefix)

    def delete(self, key: str) -> None:
        """Refuse."""
        raise InvalidRequest(self._reason)

    def temperature(self, key: str) -> Temperature:
        """Return an object's temperature; that of a store without storage classes is readable."""
        store = cold_store(self._objects)
        return store.temperature(key) if store else Temperature(STANDARD)

    def thaw(self, key: str, tier: Tier, days: int) -> None:
        """Ask for a readable copy, where the store has archived objects."""
        if store := cold_store(self._objects):
            store.thaw(key, tier, days)
