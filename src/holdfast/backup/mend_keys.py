"""The objects that open a repository: which are damaged, and bringing them back from a replica. Needs no key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_ring import FIRST, SealedRing, newest_ring_number, ring_key
from holdfast.backup.ports import ObjectStore
from holdfast.backup.repository import CONFIG, DAMAGED, parse_config, read_config
from holdfast.backup.slot import PREFIX as SLOTS
from holdfast.backup.slot import parse_slot
from holdfast.errors import InvalidRequest, NotFound

SLOT_DAMAGED = "this key slot is damaged: bring it back with `holdfast repair --replica COPY --apply`, or add a key"


def damaged_keys(objects: ObjectStore) -> Iterator[tuple[str, str]]:
    """Yield the config and the key slots that are not what was written, each with what to do about it."""
    if (config := _read(objects, CONFIG)) is not None and parse_config(config) is None:
        yield CONFIG, DAMAGED
    for stored in objects.list(SLOTS):
        if parse_slot(stored.key, objects.get(stored.key)) is None:
            yield stored.key, SLOT_DAMAGED


def mend_keys(objects: ObjectStore, replica: ObjectStore) -> list[str]:
    """Replace a damaged or missing config, damaged slots, and a ring that no slot leads to; return their keys.

    A slot that is absent stays so: it may have been removed. Only where none is left, which no removal leaves, those of
    the replica's newest ring come back. Safe to repeat: a crash leaves one of them absent.

    Raises:
        InvalidRequest: the replica is of another repository.
    """
    theirs = read_config(replica)
    data = _read(objects, CONFIG)
    ours = parse_config(data) if data is not None else None
    if ours is not None and ours["id"] != theirs["id"]:
        raise InvalidRequest(f"the replica is of repository {theirs['id']}, not of {ours['id']}; name a copy of this")
    mended = [] if ours is not None else [CONFIG]
    mended += [key for key, _ in damaged_keys(objects) if key != CONFIG and _has_slot(replica, key)]
    mended += _lost_rings(objects, replica, RepositoryId(theirs["id"]))
    mended += _lost_slots(objects, replica, RepositoryId(theirs["id"]))
    for key in mended:
        objects.delete(key)
        objects.put(key, replica.get(key))
    return mended


def _read(objects: ObjectStore, key: str) -> bytes | None:
    try:
        return objects.get(key)
    except NotFound:
        return None


def _has_slot(objects: ObjectStore, key: str) -> bool:
    data = _read(objects, key)
    return data is not None and parse_slot(key, data) is not None


def _lost_rings(objects: ObjectStore, replica: ObjectStore, repository: RepositoryId) -> Iterator[str]:
    """Yield the newest ring and any later one that the replica has slots for, if it is here otherwise than there."""
    newest = newest_ring_number(objects)
    wanted: dict[int, set[str]] = {}
    for _, slot in _slots(replica, repository):
        if slot["ring"] >= max(newest, FIRST + 1):
            wanted.setdefault(slot["ring"], set()).add(slot["seals"])
    for number, seals in wanted.items():
        key = ring_key(number)
        ours, theirs = _read(objects, key), _read(replica, key)
        if theirs is not None and SealedRing(number, theirs).seals in seals and ours != theirs:
            yield key


def _lost_slots(objects: ObjectStore, replica: ObjectStore, repository: RepositoryId) -> Iterator[str]:
    """Yield the replica's slots of its newest ring, if there is no slot here."""
    if next(objects.list(SLOTS), None) is not None:
        return
    found = [(slot["ring"], key) for key, slot in _slots(replica, repository)]
    newest = max((ring for ring, _ in found), default=FIRST)
    yield from (key for ring, key in found if ring == newest)


def _slots(objects: ObjectStore, repository: RepositoryId) -> Iterator[tuple[str, dict[str, Any]]]:
    for stored in objects.list(SLOTS):
        slot = parse_slot(stored.key, objects.get(stored.key))
        if slot is not None and slot.get("repository") == repository:
            yield stored.key, slot
