"""The lock that prune and repair take."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NoReturn

import pytest

from holdfast.backup.exclusion import alone
from holdfast.backup.stores.memory import MemoryCatalogue
from holdfast.errors import Conflict
from tests.support.clocks import FakeClock

LEASE = timedelta(minutes=15)


def take(catalogue: MemoryCatalogue, clock: FakeClock, owner: str) -> None:
    with alone(catalogue, clock, owner=owner, lease=LEASE):
        pass


def test_who_comes_second_is_told_who_holds_it_and_how_long() -> None:
    catalogue, clock = MemoryCatalogue(), FakeClock()
    text = r"prune is being done by one: try again when .* or if it was killed after 2026-11-21 02:15:00Z$"
    with alone(catalogue, clock, owner="one", lease=LEASE):
        for _ in range(2):  # and the refusal takes nothing away from who holds it
            with pytest.raises(Conflict, match=text):
                take(catalogue, clock, "two")
    take(catalogue, clock, "two")


def test_it_is_held_as_long_as_it_is_ticked_and_a_dead_holder_is_not_waited_for_longer_than_the_lease() -> None:
    catalogue, clock = MemoryCatalogue(), FakeClock()
    with alone(catalogue, clock, owner="one", lease=LEASE) as tick:
        for _ in range(10):
            clock.sleep(LEASE.total_seconds() / 2)
            tick()
            with pytest.raises(Conflict):
                take(catalogue, clock, "two")
        clock.sleep(LEASE.total_seconds() + 1)
        take(catalogue, clock, "two")


def test_an_interruption_while_it_is_taken_leaves_it_free() -> None:
    class Interrupted(MemoryCatalogue):
        def lock(self, name: str, owner: str, until: datetime, now: datetime) -> NoReturn:
            super().lock(name, owner, until, now)
            raise KeyboardInterrupt

    catalogue, clock = Interrupted(), FakeClock()
    with pytest.raises(KeyboardInterrupt):
        take(catalogue, clock, "one")
    MemoryCatalogue.lock(catalogue, "prune", "two", clock.now() + LEASE, clock.now())
