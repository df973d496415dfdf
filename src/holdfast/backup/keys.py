"""Adding, listing, removing and rotating the keys of a repository; none of it rewrites data.

`docs/design/repository-format.md`, section Keys, has the order of the writes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_ring import (
    PREFIX,
    SealedRing,
    newest_ring_number,
    open_ring,
    read_ring,
    ring_key,
    seal_ring,
)
from holdfast.backup.key_sizes import KEY_BYTES
from holdfast.backup.key_slots import is_current, list_slots, put_slot, slot_opened_by, unwrap_master
from holdfast.backup.ports import KeyProvider, ObjectStore
from holdfast.backup.repository import read_config
from holdfast.backup.sealing import Random
from holdfast.backup.slot import PREFIX as SLOT_PREFIX
from holdfast.errors import Conflict, InvalidRequest, NotFound

MOST_LABEL = 64
HIDDEN = {"wrapped", "salt", "repository", "seals", "sum"}


@dataclass(frozen=True, slots=True)
class _Current:
    """The repository's id, its ring now, and the slots of any ring."""

    repository: RepositoryId
    ring: SealedRing
    slots: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, objects: ObjectStore) -> _Current:
        config = read_config(objects)
        repository = RepositoryId(config["id"])
        ring = read_ring(objects, config, newest_ring_number(objects))
        return cls(repository, ring, list(list_slots(objects, repository)))

    def unwrap(self, holders: Sequence[KeyProvider]) -> bytes:
        return unwrap_master(self.slots, holders, self.repository, self.ring)

    def label_of(self, key: KeyProvider) -> str:
        """Return the label of the slot that `key` opens, empty where it opens none that has one."""
        labelled = [slot for slot in self.slots if slot.get("label") and is_current(slot, self.ring)]
        slot = slot_opened_by(labelled, key, self.repository)
        return str(slot["label"]) if slot else ""


def add_key(objects: ObjectStore, holders: Sequence[KeyProvider], new: KeyProvider, *, label: str = "") -> str:
    """Add a slot for `new`, opened by one of `holders`; return its name. `label` stands in it in clear, for people.

    Raises:
        InvalidRequest: the label is too long, or does not fit on a line.
        WrongKey: no holder opens the repository.
        Conflict: the keys were rotated at the same moment; nothing was added.
    """
    if len(label) > MOST_LABEL or not label.isprintable():
        raise InvalidRequest(f"label must be at most {MOST_LABEL} printable characters, got {label!r}")
    current = _Current.of(objects)
    slot = put_slot(objects, new, current.unwrap(holders), current.repository, current.ring, label=label)
    if _Current.of(objects).ring.number != current.ring.number:
        objects.delete(SLOT_PREFIX + slot)
        raise Conflict("the keys were rotated at the same moment; try again")
    return slot


def require_keys(objects: ObjectStore, keys: Sequence[KeyProvider]) -> None:
    """Refuse a key that does not open the repository: a rotation would let it in.

    Raises:
        WrongKey: one of them does not.
    """
    current = _Current.of(objects)
    for key in keys:
        current.unwrap([key])


def list_keys(objects: ObjectStore) -> list[dict[str, Any]]:
    """Return the slots that open the repository, without what they wrap."""
    current = _Current.of(objects)
    valid = [slot for slot in current.slots if is_current(slot, current.ring)]
    return [{name: value for name, value in slot.items() if name not in HIDDEN} for slot in valid]


def remove_key(objects: ObjectStore, slot: str) -> None:
    """Remove a slot; the last one stays.

    Raises:
        NotFound: no such slot.
        Conflict: it is the last.
    """
    slots = [str(one["slot"]) for one in list_keys(objects)]
    if slot not in slots:
        raise NotFound(f"no key slot {slot}; there are: {', '.join(slots)}")
    if len(slots) == 1:
        raise Conflict(f"key slot {slot} is the last: add another before removing it")
    objects.delete(SLOT_PREFIX + slot)


def rotate_keys(
    objects: ObjectStore,
    holders: Sequence[KeyProvider],
    keys: Sequence[KeyProvider],
    *,
    random: Random = os.urandom,
) -> int:
    """Let new data be sealed under a new data key, and `keys` alone open the repository; return the ring's number.

    A key that opened it before keeps its label.
    All that is stored stays readable. Every other slot is retired. Atomic: after a crash either the old keys open it,
    or the new ones.

    Raises:
        WrongKey: no holder opens the repository.
        Conflict: someone else rotated at the same moment; nothing was changed.
    """
    if not keys:
        raise InvalidRequest("a rotation needs a key: give a password or a KMS key")
    current = _Current.of(objects)
    ring, limits = open_ring(current.ring, current.unwrap(holders), current.repository)
    ring = ring._replace(generations={**ring.generations, max(ring.generations) + 1: random(KEY_BYTES)})
    master, number = random(KEY_BYTES), current.ring.number + 1
    sealed = seal_ring(ring, limits, master, current.repository, number=number)
    slots = [put_slot(objects, key, master, current.repository, sealed, label=current.label_of(key)) for key in keys]
    # This put is the moment of the rotation: until it stands, the new slots lead nowhere and the old ones open.
    if not objects.put(ring_key(number), sealed.data) and objects.get(ring_key(number)) != sealed.data:
        for slot in slots:
            objects.delete(SLOT_PREFIX + slot)
        raise Conflict("someone else rotated the keys at the same moment; look at the keys, then try again")
    _clear_retired(objects, current.repository, sealed)
    return number


def _clear_retired(objects: ObjectStore, repository: RepositoryId, ring: SealedRing) -> None:
    """Delete the slots and rings that this ring took the place of; those of a later one are not ours."""
    for slot in list_slots(objects, repository):
        if slot["ring"] <= ring.number and not is_current(slot, ring):
            objects.delete(SLOT_PREFIX + str(slot["slot"]))
    for stored in list(objects.list(PREFIX)):
        number = stored.key.removeprefix(PREFIX)
        if number.isdigit() and int(number) < ring.number:
            objects.delete(stored.key)
