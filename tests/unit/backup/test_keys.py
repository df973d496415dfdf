"""Adding, removing and rotating keys, without rewriting data."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from holdfast.backup.key_ring import newest_of
from holdfast.backup.keys import add_key, list_keys, remove_key, rotate_keys
from holdfast.backup.manifest import PREFIX
from holdfast.backup.mend_keys import damaged_keys, mend_keys
from holdfast.backup.ports import StoredObject
from holdfast.backup.prune import prune
from holdfast.backup.repair import repair
from holdfast.backup.repository import Repository, open_repository
from holdfast.backup.stores.memory import MemoryObjects
from holdfast.backup.verify import verify
from holdfast.errors import Conflict, HoldfastError, IntegrityError, InvalidRequest, StoreUnavailable, WrongKey
from tests.support.chunks import snapshot
from tests.support.repositories import any_created, cheap_key, contents_of, flip, noise, objects_of

OLD, NEW = {"old": noise(50_000)}, {"new": noise(50_000, 2)}


def reopened(repository: Repository, password: str) -> Repository:
    key = cheap_key(password)
    return open_repository(repository.objects, repository.index, repository.ledger, [key], clock=repository.clock)


def rotate(repository: Repository, *passwords: str, holder: str = "password") -> int:
    return rotate_keys(repository.objects, [cheap_key(holder)], [cheap_key(one) for one in passwords])


def test_a_rotation_rewrites_nothing_and_all_stays_readable() -> None:
    repository = any_created()
    old = snapshot(repository, OLD)
    before = dict(objects_of(repository))
    assert rotate(repository, "second") == 2
    after = objects_of(repository)
    assert {key for key in before if key not in after} == {key for key in before if key.startswith("keys/slot-")}
    assert all(after[key] == data for key, data in before.items() if key in after)
    again = reopened(repository, "second")
    new = snapshot(again, NEW, user="bob")
    assert (contents_of(again, old), contents_of(again, new)) == (OLD, NEW)
    generation = objects_of(again)[PREFIX + new][:4]
    assert generation == (2).to_bytes(4, "little")
    prune(again, owner="test")
    assert verify(again, read_data=True).ok


def test_content_stored_before_a_rotation_is_not_stored_again() -> None:
    repository = any_created()
    snapshot(repository, OLD)
    rotate(repository, "second")
    packs = len(list(repository.index.packs()))
    snapshot(reopened(repository, "second"), OLD, user="bob")
    assert len([row for row in repository.index.packs() if row.kind == "data"]) == packs - 1


def test_every_key_that_was_not_given_is_retired() -> None:
    repository = any_created()
    add_key(repository.objects, [cheap_key()], cheap_key("other"))
    rotate(repository, "password", "third")
    assert reopened(repository, "password").id == reopened(repository, "third").id
    with pytest.raises(WrongKey):
        reopened(repository, "other")
    assert [slot["ring"] for slot in list_keys(repository.objects)] == [2, 2]


def test_a_key_keeps_its_label_over_a_rotation() -> None:
    repository = any_created()
    add_key(repository.objects, [cheap_key()], cheap_key("other"), label="laptop 7")
    add_key(repository.objects, [cheap_key()], cheap_key("third"), label="left the house")
    rotate(repository, "password", "other", "new")
    labels = [(slot.get("label"), slot["ring"]) for slot in list_keys(repository.objects)]
    assert sorted(labels, key=str) == [("laptop 7", 2), (None, 2), (None, 2)]
    assert reopened(repository, "other").ring == 2


def test_a_retired_slot_that_a_crash_left_is_refused_by_name() -> None:
    repository = any_created()
    kept = {key: data for key, data in objects_of(repository).items() if key.startswith("keys/")}
    rotate(repository, "second")
    objects_of(repository).update(kept)
    with pytest.raises(WrongKey, match="this key was retired when the keys were rotated"):
        reopened(repository, "password")
    assert reopened(repository, "second")


def test_a_reader_of_the_old_ring_cannot_read_what_is_written_later() -> None:
    repository = any_created()
    rotate(repository, "second")
    id_ = snapshot(reopened(repository, "second"), NEW)
    with pytest.raises(HoldfastError, match="names key generation 2, which this key lacks"):
        contents_of(repository, id_)


@pytest.mark.parametrize("job", [lambda one: verify(one), lambda one: repair(one, owner="test")])
def test_what_is_sealed_under_a_later_key_is_not_taken_for_damage(job: Callable[[Repository], object]) -> None:
    repository = any_created()
    rotate(repository, "second")
    current = reopened(repository, "second")
    id_ = snapshot(current, NEW)
    with pytest.raises(Conflict, match="the keys were rotated while this ran"):
        job(repository)
    assert contents_of(current, id_) == NEW


def test_rotations_follow_one_another() -> None:
    repository = any_created()
    old = snapshot(repository, OLD)
    for number in range(2, 6):
        assert rotate(repository, "password") == number
    assert [key for key in objects_of(repository) if "ring-" in key] == ["keys/ring-5"]
    assert len(list_keys(repository.objects)) == 1
    assert contents_of(reopened(repository, "password"), old) == OLD


def test_a_rotation_is_made_only_by_who_has_a_key() -> None:
    repository = any_created()
    with pytest.raises(WrongKey):
        rotate(repository, "mine", holder="guess")
    with pytest.raises(InvalidRequest, match="needs a key"):
        rotate(repository)
    assert reopened(repository, "password").ring == 1


class Crash(BaseException):
    """The process ends here."""


class Fragile(MemoryObjects):
    """Ends the process at the n-th change, before it (even) or after it (odd)."""

    def __init__(self, objects: dict[str, bytes], at: int) -> None:
        super().__init__()
        self.objects = dict(objects)
        self.left = at

    def _count(self) -> None:
        if self.left == 0:
            raise Crash
        self.left -= 1

    def put(self, key: str, data: bytes | memoryview) -> bool:
        self._count()
        answer = super().put(key, data)
        self._count()
        return answer

    def delete(self, key: str) -> None:
        self._count()
        super().delete(key)
        self._count()


def test_objects_that_are_no_rings_do_not_count_as_one() -> None:
    assert newest_of(["keys/ring-2", "keys/ring-\u00b2", "keys/ring-", "keys/ring-x", "keys/slot-9"]) == 2


def test_a_crash_at_any_step_leaves_either_the_old_keys_or_the_new() -> None:
    repository = any_created()
    add_key(repository.objects, [cheap_key()], cheap_key("other"))
    id_ = snapshot(repository, OLD)
    crashes = 0
    while True:
        objects = Fragile(objects_of(repository), crashes)
        try:
            rotate_keys(objects, [cheap_key()], [cheap_key("new 1"), cheap_key("new 2")])
            break
        except Crash:
            crashes += 1
        rotated = "keys/ring-2" in objects.objects
        crashed = repository._replace(objects=objects)
        for password in ("password", "other", "new 1", "new 2"):
            if password.startswith("new") == rotated:
                assert contents_of(reopened(crashed, password), id_) == OLD
            else:
                with pytest.raises(WrongKey):
                    reopened(crashed, password)
        objects.left = 1000
        holder = cheap_key("new 1" if rotated else "password")
        rotate_keys(objects, [holder], [cheap_key("last")])
        assert len(list_keys(objects)) == 1
        assert len([key for key in objects.objects if key.startswith("keys/")]) == 2
    assert crashes == 2 * (2 + 1 + 2)


def test_of_two_rotations_at_once_one_wins_and_the_other_changes_nothing() -> None:
    repository = any_created()

    class Raced(MemoryObjects):
        def put(self, key: str, data: bytes | memoryview) -> bool:
            if key == "keys/ring-2" and key not in self.objects:
                rotate_keys(winner, [cheap_key()], [cheap_key("winner")])
            return super().put(key, data)

    raced, winner = Raced(), MemoryObjects()
    raced.objects = winner.objects = objects_of(repository)
    with pytest.raises(Conflict, match="rotated the keys at the same moment"):
        rotate_keys(raced, [cheap_key()], [cheap_key("loser")])
    assert reopened(repository, "winner").ring == 2
    with pytest.raises(WrongKey):
        reopened(repository, "loser")


def test_a_key_added_while_others_rotate_is_refused_and_not_acknowledged() -> None:
    repository = any_created()

    class Raced(MemoryObjects):
        def put(self, key: str, data: bytes | memoryview) -> bool:
            done = super().put(key, data)
            plain = MemoryObjects()
            plain.objects = self.objects
            rotate_keys(plain, [cheap_key()], [cheap_key("second")])
            return done

    raced = Raced()
    raced.objects = objects_of(repository)
    with pytest.raises(Conflict, match="rotated at the same moment"):
        add_key(raced, [cheap_key()], cheap_key("late"))
    assert len(list_keys(repository.objects)) == 1


def test_the_last_current_key_is_not_removed() -> None:
    repository = any_created()
    rotate(repository, "second")
    (slot,) = list_keys(repository.objects)
    with pytest.raises(Conflict, match="is the last"):
        remove_key(repository.objects, slot["slot"])


def key_objects(repository: Repository) -> list[str]:
    return [key for key in objects_of(repository) if key == "config" or key.startswith("keys/slot-")]


@pytest.mark.parametrize("number", [0, 1])
def test_any_flipped_byte_of_config_and_slots_is_found_and_healed_from_a_replica(number: int) -> None:
    repository = any_created()
    replica = MemoryObjects()
    replica.objects = dict(objects_of(repository))
    key = sorted(key_objects(repository))[number]
    good = objects_of(repository)[key]
    for at in range(len(good)):
        flip(repository, key, at, 0x02)
        assert [found for found, _ in damaged_keys(repository.objects)] == [key]
        assert mend_keys(repository.objects, replica) == [key]
        assert objects_of(repository)[key] == good


def test_a_missing_config_and_a_damaged_ring_are_healed_from_a_replica() -> None:
    repository = any_created()
    rotate(repository, "second")
    replica = MemoryObjects()
    replica.objects = dict(objects_of(repository))
    del objects_of(repository)["config"]
    flip(repository, "keys/ring-2", 50)
    assert mend_keys(repository.objects, replica) == ["config", "keys/ring-2"]
    assert reopened(repository, "second").id == repository.id
    del objects_of(repository)["keys/ring-2"]
    assert mend_keys(repository.objects, replica) == ["keys/ring-2"]
    assert mend_keys(repository.objects, replica) == []


def test_a_retired_ring_does_not_come_back_from_a_replica() -> None:
    repository = any_created()
    replica = MemoryObjects()
    for _ in range(2):
        rotate(repository, "password")
        replica.objects.update(objects_of(repository))
    assert "keys/ring-2" in replica.objects
    assert mend_keys(repository.objects, replica) == []
    assert "keys/ring-2" not in objects_of(repository)


@pytest.mark.parametrize("rotations", [0, 1])
def test_lost_slots_come_back_from_a_replica_if_none_is_left(rotations: int) -> None:
    repository = any_created()
    for _ in range(rotations):
        rotate(repository, "password")
    add_key(repository.objects, [cheap_key()], cheap_key("other"))
    replica = MemoryObjects()
    replica.objects = dict(objects_of(repository))
    for key in [key for key in objects_of(repository) if key.startswith("keys/")]:
        del objects_of(repository)[key]
    with pytest.raises(IntegrityError, match="every key slot is lost"):
        reopened(repository, "password")
    assert len(mend_keys(repository.objects, replica)) == 2 + rotations
    assert (objects_of(repository), mend_keys(repository.objects, replica)) == (replica.objects, [])
    assert reopened(repository, "other").id == repository.id


def test_a_removed_slot_does_not_come_back_from_a_replica() -> None:
    repository = any_created()
    (slot,) = list_keys(repository.objects)
    replica = MemoryObjects()
    replica.objects = dict(objects_of(repository))
    add_key(repository.objects, [cheap_key()], cheap_key("other"))
    remove_key(repository.objects, slot["slot"])
    assert mend_keys(repository.objects, replica) == []
    with pytest.raises(WrongKey):
        reopened(repository, "password")


def test_keys_are_not_mended_from_another_repository() -> None:
    with pytest.raises(InvalidRequest, match="the replica is of repository"):
        mend_keys(any_created().objects, any_created().objects)


def test_a_store_that_fails_leaves_the_old_keys() -> None:
    repository = any_created()

    class Full(MemoryObjects):
        def put(self, key: str, data: bytes | memoryview) -> bool:
            raise StoreUnavailable("the disk is full")

    full = Full()
    full.objects = objects_of(repository)
    with pytest.raises(StoreUnavailable):
        rotate_keys(full, [cheap_key()], [cheap_key("second")])
    assert reopened(repository, "password").ring == 1


@pytest.mark.parametrize("moment", ["keys/slot-", "keys/ring-2"])
def test_opening_while_others_rotate_finds_the_new_ring(moment: str) -> None:
    """The rotation is done between the look at the newest ring and that at its slots, or at itself."""
    repository = any_created()
    rotate(repository, "password")

    class Raced(MemoryObjects):
        left = 1

        def _rotate_once(self, key: str) -> None:
            if key.startswith(moment) and self.left:
                self.left -= 1
                plain = MemoryObjects()
                plain.objects = self.objects
                rotate_keys(plain, [cheap_key()], [cheap_key()])

        def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
            self._rotate_once(key)
            return super().get(key, start, length)

        def list(self, prefix: str) -> Iterator[StoredObject]:
            self._rotate_once(prefix)
            return super().list(prefix)

    raced = Raced()
    raced.objects = objects_of(repository)
    assert reopened(repository._replace(objects=raced), "password").ring == 3
    assert raced.left == 0
