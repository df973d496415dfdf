"""A key that another process derives is the one its slot asks for; whatever goes wrong there is done again here."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

import pytest

from holdfast.backup.argon2id import PasswordCost, derive
from holdfast.backup.derivation import Derivation
from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_slots import PasswordKey
from holdfast.backup.slot import cost_of, salt_and_wrapped
from holdfast.errors import WrongKey
from tests.support.processes import forks_noted, none_is_left

CHEAP = PasswordCost(memory_kib=64, passes=1)
MASTER = bytes(32)
REPOSITORY = RepositoryId("0" * 32)


def slot_of(password: str) -> dict[str, Any]:
    return {"slot": "s1", **PasswordKey(password, cost=CHEAP).wrap(MASTER, REPOSITORY)}


class Counted(PasswordKey):
    """Counts what it has to derive itself."""

    derived = 0

    def _derive(self, salt: bytes, cost: PasswordCost) -> bytes:
        self.derived += 1
        return super()._derive(salt, cost)


def test_the_key_is_that_of_the_slot_and_of_no_other() -> None:
    slot, other = slot_of("pass"), slot_of("pass")
    begun = Derivation("pass", lambda: slot)
    (salt, _), cost = salt_and_wrapped(slot), cost_of(slot)
    assert begun.key_for(salt, cost) == derive(b"pass", salt, cost)
    assert begun.key_for(salt_and_wrapped(other)[0], cost) is None
    assert begun.key_for(salt, cost._replace(passes=2)) is None
    assert begun.key_for(salt, cost) is not None


def test_a_slot_is_opened_by_what_was_begun_for_it_and_another_by_the_password() -> None:
    slot, other = slot_of("pass"), slot_of("pass")
    key = Counted("pass", begun=Derivation("pass", lambda: slot).key_for)
    assert (key.unwrap(slot, REPOSITORY), key.derived) == (MASTER, 0)
    assert (key.unwrap(other, REPOSITORY), key.derived) == (MASTER, 1)


def test_a_wrong_password_that_was_begun_is_refused() -> None:
    slot = slot_of("pass")
    key = PasswordKey("wrong", begun=Derivation("wrong", lambda: slot).key_for)
    with pytest.raises(WrongKey, match="wrong password"):
        key.unwrap(slot, REPOSITORY)


def unreadable() -> Mapping[str, Any]:
    raise OSError("this cannot be read")


def killed() -> Mapping[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@pytest.mark.parametrize(
    "find",
    [
        lambda: None,
        lambda: {**slot_of("pass"), "memory_kib": 2**30},
        lambda: {**slot_of("pass"), "salt": 7},
        unreadable,
        killed,
    ],
    ids=["no slot", "hostile cost", "damaged", "unreadable", "killed"],
)
def test_what_cannot_be_derived_there_is_derived_here(find: Any) -> None:
    slot = slot_of("pass")
    key = Counted("pass", begun=Derivation("pass", find).key_for)
    assert (key.unwrap(slot, REPOSITORY), key.derived) == (MASTER, 1)


def test_a_derivation_nobody_waits_for_is_ended() -> None:
    slot = {**slot_of("pass"), "memory_kib": 512 * 1024, "passes": 16}
    with forks_noted() as pids:
        begun = Derivation("pass", lambda: slot)
    begun.end()
    assert begun.key_for(salt_and_wrapped(slot)[0], cost_of(slot)) is None
    assert none_is_left(pids)
