"""Excluding other prunes and repairs while one is at work. It saves work; nothing is unsafe without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from holdfast.backup.ports import Clock, Ledger
from holdfast.errors import Conflict

LOCK = "prune"
LEASE = timedelta(minutes=15)
HOLDS_PER_LEASE = 3


@contextmanager
def alone(ledger: Ledger, clock: Clock, *, owner: str, lease: timedelta) -> Iterator[Callable[[], None]]:
    """Hold the lock in the block, whatever ends it; give what extends it when a third of its time has passed.

    Raises:
        Conflict: someone else holds it.
    """
    hold_again: datetime | None = None

    def tick() -> None:
        nonlocal hold_again
        now = clock.now()
        if hold_again is None or now >= hold_again:
            ledger.lock(LOCK, owner, now + lease, now)
            hold_again = now + lease / HOLDS_PER_LEASE

    try:  # an interruption may come when the lock is taken and nobody has been told
        tick()
        yield tick
    finally:
        ledger.unlock(LOCK, owner)


def already_held(name: str, holder: str, until: str) -> Conflict:
    """Return the refusal of a lock that someone holds until a UTC time in ISO 8601."""
    when = f"{until[:19].replace('T', ' ')}Z"
    return Conflict(f"{name} is being done by {holder}: try again when that is done, or if it was killed after {when}")
