"""The mover: one run does what is due under the lease and ends; any run takes up where another was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

from holdfast.cutover.decide import decide, overdue, trouble
from holdfast.cutover.gate import Seen, refusals
from holdfast.cutover.ports import World
from holdfast.cutover.reconcile import IN_PLACE, Change, close, difference, interference
from holdfast.cutover.state import Cutover, Environment, Outcome, Phase, Record, Terms, checked_token
from holdfast.cutover.status import Status, look, published
from holdfast.errors import Conflict, HoldfastError, LeaseLost, Refused

LEASE = timedelta(seconds=120)
"""More than the function's 60 s, so that a mover is dead before its lease ends."""
MARGIN = timedelta(seconds=30)
"""No write begins with less than this left: a request ends within 20 s, retries included."""
MOST_ROUNDS = 40


def advance(world: World, *, owner: str) -> Status:
    """Do what is due of the cutover under way; without one, keep the inactive database fenced and the status published.

    Raises:
        Conflict: another mover is at work.
    """
    record = world.ledger.read()
    if record.cutover is None:
        seen = look(world, world.register.active())
        if _is_kept(world, record, seen):
            return Status(record=record, seen=seen)
    with _lease(world, owner) as mover:
        return mover.run()


def start(world: World, *, token: str, terms: Terms, target: Environment | None = None, owner: str) -> Status:
    """Begin a cutover from the active environment, or answer what became of the one with the same token.

    Raises:
        Refused: a gate is closed; the line names all.
        Conflict: another cutover, or another mover, is at work.
        InvalidRequest: the token does not fit.
    """
    checked_token(token)
    with _lease(world, owner) as mover:
        if not mover.record.known(token):
            mover.begin(token, terms, target)
        return mover.run()


def rollback(world: World, *, token: str, terms: Terms, reason: str, owner: str) -> Status:
    """Take a cutover back: one under way at once, a completed one by a cutover back in one step of traffic.

    Raises:
        Refused: past the point of no return, nothing to take back, or the way back is closed.
        Conflict: another mover is at work.
        InvalidRequest: the token does not fit.
    """
    checked_token(token)
    with _lease(world, owner) as mover:
        if not mover.record.known(token) or mover.record.cutover is not None:
            mover.take_back(token, terms, reason)
        return mover.run()


@contextmanager
def _lease(world: World, owner: str) -> Iterator[Mover]:
    now = world.clock.now()
    mover = Mover(world, world.ledger.acquire(owner, now=now, until=now + LEASE))
    try:
        yield mover
    finally:
        with suppress(HoldfastError):  # it ends by itself, and what was raised before says more
            mover.release()


class Mover:
    """Whoever holds the lease, for one run."""

    def __init__(self, world: World, record: Record) -> None:
        self._world = world
        self.record = record

    @property
    def _now(self) -> datetime:
        return self._world.clock.now()

    def _allowed(self) -> None:
        assert self.record.until is not None
        if self._now > self.record.until - MARGIN:
            raise LeaseLost("the lease of this run is over; the next run goes on")

    def _write(self, change: Change) -> None:
        self._allowed()
        change(self._world)

    def _save(self, record: Record) -> None:
        self._allowed()
        self.record = self._world.ledger.save(record)

    def _keep(self, cutover: Cutover) -> None:
        if cutover != self.record.cutover:
            self._save(replace(self.record, cutover=cutover))

    def release(self) -> None:
        """Let the next mover in."""
        self.record = self._world.ledger.save(replace(self.record, owner="", until=None))

    def begin(self, token: str, terms: Terms, target: Environment | None) -> None:
        """Record a new cutover if every gate is open."""
        self._refuse_second()
        source = self._world.register.active()
        if target is source:
            raise Refused(f"{target} is active already; `holdfast cutover status` shows it")
        if against := refusals(look(self._world, source), terms):
            raise Refused(f"no cutover to {source.other}: {'; '.join(against)}")
        now = self._now
        self._keep(Cutover(token=token, source=source, target=source.other, terms=terms, started=now, since=now))

    def take_back(self, token: str, terms: Terms, reason: str) -> None:
        """Record the rollback of what is under way, of weights set by hand, or of the last cutover."""
        cut, now = self.record.cutover, self._now
        if cut is not None:
            if cut.phase is Phase.PROMOTING:
                raise Refused(f"{cut.target} takes the writes already; wait for the next run, then roll back")
            self._keep(cut if cut.phase is Phase.ROLLING_BACK else cut.enter(Phase.ROLLING_BACK, now, reason=reason))
            return
        active = self._world.register.active()
        if not self._world.traffic.weights().settled_on(active):
            settle = Cutover(token=token, source=active, target=active.other, terms=terms, started=now, since=now)
            self._keep(settle.enter(Phase.ROLLING_BACK, now, reason=reason))
            return
        last = self.record.ended[0] if self.record.ended else None
        if last is None or last.outcome is not Outcome.COMPLETED:
            raise Refused(f"nothing to roll back: {active} is active and takes all traffic")
        self.begin(token, replace(terms, steps=(100,)), last.source)

    def _refuse_second(self) -> None:
        if cut := self.record.cutover:
            raise Conflict(
                f"a cutover from {cut.source} to {cut.target} is {cut.phase} since {cut.since:%Y-%m-%d %H:%M:%S} UTC; "
                "wait for it, or roll it back"
            )

    def run(self) -> Status:
        """Go as far as the world allows now, and publish where that is."""
        for _ in range(MOST_ROUNDS):
            cut = self.record.cutover
            if cut is None:
                return self._rest()
            seen = look(self._world, cut.source)
            if not self._round(cut, seen):
                self._publish(seen.active)
                return Status(record=self.record, seen=seen)
        raise AssertionError(f"a cutover that changes {MOST_ROUNDS} times in one run: {self.record.cutover}")

    def _round(self, cut: Cutover, seen: Seen) -> bool:
        """Do one thing; False: there is nothing more to do now."""
        now = self._now
        if found := interference(cut, seen) or trouble(cut, seen):
            self._keep(cut.enter(Phase.ROLLING_BACK, now, reason=found))
            return True
        missing = difference(cut, seen)
        if not isinstance(missing, str):
            self._write(missing)
            return True
        if missing != IN_PLACE:
            return self._wait(replace(cut, waiting=missing), now)
        if not cut.applied:
            frozen_at = now if cut.phase is Phase.FREEZING else cut.frozen_at
            self._keep(replace(cut, applied=True, waiting="", frozen_at=frozen_at))
            return True
        return self._follow(cut, seen, now)

    def _wait(self, cut: Cutover, now: datetime) -> bool:
        late = overdue(cut, now)
        self._keep(cut.enter(Phase.ROLLING_BACK, now, reason=late) if late else cut)
        return bool(late)

    def _follow(self, cut: Cutover, seen: Seen, now: datetime) -> bool:
        following = decide(cut, seen, now)
        if isinstance(following, Outcome):
            self._save(self.record.end(following, now))
            return True
        if isinstance(following, str):
            self._keep(replace(cut, waiting=following))
            return False
        self._keep(following)
        return True

    def _rest(self) -> Status:
        active = self._world.register.active()
        seen = look(self._world, active)
        if seen.fences[active.other].lets_writes_in:
            self._write(close(active.other))
        self._publish(active)
        return Status(record=self.record, seen=seen)

    def _publish(self, active: Environment) -> None:
        text = published(self.record, active)
        if self._world.register.status() != text:
            self._write(lambda world: world.register.set_status(text))


def _is_kept(world: World, record: Record, seen: Seen) -> bool:
    return not seen.fences[seen.target].lets_writes_in and world.register.status() == published(record, seen.active)
