"""Password slots beyond the contract of key providers."""

from __future__ import annotations

import threading

import pytest

from holdfast.backup.argon2id import PasswordCost
from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_slots import PasswordKey
from holdfast.backup.slot import parse_slot
from holdfast.backup.wire import pack_json
from holdfast.errors import IntegrityError, WrongKey
from tests.support.patience import PATIENCE_SECONDS

REPOSITORY = RepositoryId("a" * 32)
CHEAP = PasswordCost(memory_kib=64, passes=1, lanes=1)
MASTER = bytes(range(32))


def test_the_default_cost_is_that_of_rfc_9106s_second_option_in_one_lane_and_is_kept_in_the_slot() -> None:
    slot = PasswordKey("pass").wrap(MASTER, REPOSITORY)
    assert (slot["kdf"], slot["memory_kib"], slot["passes"], slot["lanes"]) == ("argon2id", 64 * 1024, 3, 1)
    assert PasswordKey("pass", cost=CHEAP).unwrap(slot, REPOSITORY) == MASTER


@pytest.mark.parametrize(
    "damage",
    [
        {"memory_kib": 2**30},
        {"passes": 0},
        {"passes": 10**9},
        {"lanes": 1000},
        {"salt": 7},
        {"salt": "é"},
        {"salt": "AAAA"},
        {"lanes": 9, "memory_kib": 64},
        {"wrapped": "AAAA"},
        {"memory_kib": None},
        {"memory_kib": float("inf")},
        {"passes": float("nan")},
    ],
)
def test_a_hostile_slot_is_refused_before_it_costs_anything(damage: dict[str, object]) -> None:
    slot = {**PasswordKey("pass", cost=CHEAP).wrap(MASTER, REPOSITORY), "slot": "s1", **damage}
    with pytest.raises(IntegrityError, match="key slot s1"):
        PasswordKey("pass", cost=CHEAP).unwrap(slot, REPOSITORY)


def test_a_slot_that_does_not_say_which_ring_it_leads_to_is_none() -> None:
    body = {"slot": "s1", "ring": 1, "seals": "00"}
    assert parse_slot("keys/slot-s1", pack_json(body))
    for name in body:
        assert parse_slot("keys/slot-s1", pack_json({**body, name: None})) is None


def test_a_damaged_wrapping_reads_as_a_wrong_password() -> None:
    slot = PasswordKey("pass", cost=CHEAP).wrap(MASTER, REPOSITORY)
    wrapped = slot["wrapped"]
    slot["wrapped"] = ("B" if wrapped[0] == "A" else "A") + wrapped[1:]
    with pytest.raises(WrongKey):
        PasswordKey("pass", cost=CHEAP).unwrap(slot, REPOSITORY)


def test_passwords_may_be_tried_by_several_threads_at_once() -> None:
    """Without a turn for each, OpenSSL's threads wait for each other for ever, or it says that memory is short."""
    cost = PasswordCost(memory_kib=1024, passes=3, lanes=4)
    slot = PasswordKey("pass", cost=cost).wrap(MASTER, REPOSITORY)
    opened: list[bytes | None] = []

    def often() -> None:
        for _ in range(30):
            opened.append(PasswordKey("pass").unwrap(slot, REPOSITORY))

    threads = [threading.Thread(target=often, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert opened == [MASTER] * 90
