"""Creating, opening, and the keys of a repository."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from holdfast.backup.argon2id import PasswordCost
from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.key_slots import PasswordKey
from holdfast.backup.keys import add_key, list_keys, remove_key
from holdfast.backup.ports import KeyProvider
from holdfast.backup.repository import (
    CONFIG,
    Repository,
    create_repository,
    open_repository,
)
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.backup.wire import pack_json
from holdfast.errors import Conflict, IntegrityError, InvalidRequest, NotFound, StoreUnavailable, WrongKey
from tests.support.clocks import FakeClock

CHEAP = PasswordCost(memory_kib=64, passes=1, lanes=1)


def key(password: str) -> PasswordKey:
    return PasswordKey(password, cost=CHEAP)


def created(*passwords: str, **options: Any) -> MemoryObjects:
    objects = MemoryObjects()
    create_repository(objects, [key(one) for one in passwords], clock=FakeClock(), **options)
    return objects


def opened(objects: MemoryObjects, *passwords: str) -> Repository:
    catalogue = MemoryCatalogue()
    providers: list[KeyProvider] = [key(one) for one in passwords]
    return open_repository(objects, catalogue, catalogue, providers, clock=FakeClock())


def change_config(objects: MemoryObjects, **fields: object) -> None:
    objects.objects[CONFIG] = pack_json({**json.loads(objects.objects[CONFIG]), **fields})


def test_every_key_opens_the_same_repository() -> None:
    limits = ChunkLimits(1024, 2048, 4096)
    objects = created("one", "two", limits=limits)
    first, second = opened(objects, "one"), opened(objects, "wrong", "two")
    assert (first.id, first.limits) == (second.id, second.limits) == (first.id, limits)
    assert first.keyring.chunk_id(b"x") == second.keyring.chunk_id(b"x")
    assert second.keyring.open("block", b"", first.keyring.seal("block", b"", b"text")) == b"text"


def test_two_repositories_share_no_secret() -> None:
    first, second = opened(created("same"), "same"), opened(created("same"), "same")
    assert first.id != second.id
    assert first.keyring.chunk_id(b"x") != second.keyring.chunk_id(b"x")
    assert first.keyring.chunker != second.keyring.chunker


def test_a_wrong_password_opens_nothing() -> None:
    with pytest.raises(WrongKey, match="wrong password"):
        opened(created("right"), "wrong")
    with pytest.raises(WrongKey, match="its slots are: password"):
        opened(created("right"))


def test_a_place_without_a_repository_is_not_found() -> None:
    with pytest.raises(NotFound, match="repo create"):
        opened(MemoryObjects(), "any")


def test_a_second_creation_is_refused_and_changes_nothing() -> None:
    objects = created("right")
    before = dict(objects.objects)
    with pytest.raises(Conflict, match="already"):
        create_repository(objects, [key("other")], clock=FakeClock())
    assert objects.objects == before


def test_of_creators_at_once_one_wins_and_its_key_opens() -> None:
    objects = MemoryObjects()

    def create(number: int) -> str | None:
        try:
            return create_repository(objects, [key(str(number))], clock=FakeClock())
        except Conflict:
            return None

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(create, range(8)))
    (winner,) = [number for number, outcome in enumerate(outcomes) if outcome]
    assert opened(objects, str(winner)).id == outcomes[winner]
    assert len(list_keys(objects)) == 1


def test_a_creator_whose_answer_was_lost_finds_that_it_won() -> None:
    class Forgetful(MemoryObjects):
        def put(self, key: str, data: bytes | memoryview) -> bool:
            super().put(key, data)
            return super().put(key, data)  # as a retry after a lost answer sees it

    objects = Forgetful()
    assert opened(objects, "right").id if create_repository(objects, [key("right")], clock=FakeClock()) else None


def test_a_creation_that_fails_half_way_may_be_repeated() -> None:
    class Full(MemoryObjects):
        def put(self, key: str, data: bytes | memoryview) -> bool:
            if key == CONFIG:
                raise StoreUnavailable("the disk is full")
            return super().put(key, data)

    full = Full()
    with pytest.raises(StoreUnavailable):
        create_repository(full, [key("first")], clock=FakeClock())
    objects = MemoryObjects()
    objects.objects = full.objects
    create_repository(objects, [key("second")], clock=FakeClock())
    assert len(list_keys(objects)) == 1
    assert opened(objects, "second")


def test_a_repository_needs_a_key() -> None:
    with pytest.raises(InvalidRequest, match="needs a key"):
        create_repository(MemoryObjects(), [], clock=FakeClock())


def test_a_newer_format_is_refused_by_name() -> None:
    objects = created("right")
    change_config(objects, format=2)
    with pytest.raises(InvalidRequest, match=r"repository format 2 is newer than this Holdfast \(1\)"):
        opened(objects, "right")


@pytest.mark.parametrize(
    "damage", [{"ring": "not base64!"}, {"ring": None}, {"format": "one"}, {"holdfast": "something"}]
)
def test_a_damaged_config_is_told_from_a_wrong_key(damage: dict[str, object]) -> None:
    objects = created("right")
    change_config(objects, **damage)
    with pytest.raises(IntegrityError):
        opened(objects, "right")


def test_a_config_that_is_no_json_is_damaged() -> None:
    objects = created("right")
    objects.objects[CONFIG] = objects.objects[CONFIG][:40]
    with pytest.raises(IntegrityError, match="config"):
        opened(objects, "right")


def test_the_ring_of_another_repository_does_not_open() -> None:
    objects, other = created("right"), created("right")
    change_config(objects, ring=json.loads(other.objects[CONFIG])["ring"])
    with pytest.raises(IntegrityError):
        opened(objects, "right")


def test_a_key_added_opens_and_a_key_removed_does_not() -> None:
    objects = created("first")
    (first,) = list_keys(objects)
    added = add_key(objects, [key("first")], key("second"))
    assert {slot["slot"] for slot in list_keys(objects)} == {first["slot"], added}
    assert opened(objects, "second").id == opened(objects, "first").id
    remove_key(objects, str(first["slot"]))
    with pytest.raises(WrongKey):
        opened(objects, "first")
    assert opened(objects, "second")


def test_a_key_is_added_only_by_who_has_one() -> None:
    with pytest.raises(WrongKey):
        add_key(created("first"), [key("guess")], key("mine"))


def test_the_last_key_and_unknown_keys_are_not_removed() -> None:
    objects = created("only")
    (slot,) = list_keys(objects)
    with pytest.raises(Conflict, match="last"):
        remove_key(objects, str(slot["slot"]))
    with pytest.raises(NotFound, match="no key slot nothing"):
        remove_key(objects, "nothing")
    assert opened(objects, "only")


def test_listing_keys_shows_no_secret() -> None:
    (slot,) = list_keys(created("only"))
    assert not {"wrapped", "salt"} & slot.keys()


def test_slots_that_are_not_ours_or_not_json_are_passed_over() -> None:
    objects = created("only")
    objects.put("keys/slot-rubbish", b"\xff{")
    objects.put("keys/slot-list", b"[]")
    foreign = next(data for name, data in created("foreign").objects.items() if name.startswith("keys/"))
    objects.put("keys/slot-foreign", foreign)
    assert len(list_keys(objects)) == 1
    assert opened(objects, "only")
