"""What comes after a phase whose world is in place. Pure: the same cutover, world and time give the same answer."""

from __future__ import annotations

from datetime import datetime, timedelta

from holdfast.cutover.gate import Seen, behind, left, not_dry, unhealthy
from holdfast.cutover.state import Cutover, Outcome, Phase

Next = Cutover | Outcome | str
"""The intent to go on, the end, or what is waited for."""

NOTHING_LEFT = timedelta(0)


def decide(cut: Cutover, seen: Seen, now: datetime) -> Next:
    """Return what follows, given that the world is as `cut` wants it."""
    if cut.phase is Phase.PROMOTING:
        return Outcome.COMPLETED
    if cut.phase is Phase.ROLLING_BACK:
        return Outcome.ROLLED_BACK
    if found := trouble(cut, seen):
        return cut.enter(Phase.ROLLING_BACK, now, reason=found)
    if cut.phase is Phase.SHIFTING:
        return _after_step(cut, seen, now)
    if cut.phase is Phase.FREEZING:
        return _after_freezing(cut, seen, now)
    return cut.enter(Phase.PROMOTING, now)


def trouble(cut: Cutover, seen: Seen) -> str:
    """Return why a cutover that may roll back must; empty: it need not."""
    if not cut.may_roll_back:
        return ""
    found = unhealthy(seen, cut.terms)
    if cut.phase is Phase.SHIFTING:
        found += [f"alarm {name} rings" for name in seen.ringing]
    return "; ".join(found)


def overdue(cut: Cutover, now: datetime) -> str:
    """Return why the wait for a phase's world has been too long; empty: it has not, or there is no way back."""
    if cut.may_roll_back and left(cut.since, cut.terms.freeze_limit, now) < NOTHING_LEFT:
        return f"{cut.phase} took more than {cut.terms.freeze_limit}: {cut.waiting}"
    return ""


def _after_step(cut: Cutover, seen: Seen, now: datetime) -> Next:
    rest = left(cut.since, cut.terms.bake, now)
    if rest > NOTHING_LEFT:
        return f"bakes at {cut.terms.steps[cut.step]} % until {now + rest:%H:%M:%S} UTC"
    if found := behind(seen.flow, cut.terms, cut.source):
        if left(cut.since, cut.terms.bake + cut.terms.hold_limit, now) < NOTHING_LEFT:
            return cut.enter(Phase.ROLLING_BACK, now, reason="; ".join(found))
        return "; ".join(found)
    if cut.step + 1 < len(cut.terms.steps):
        return cut.enter(Phase.SHIFTING, now, step=cut.step + 1)
    return cut.enter(Phase.FREEZING, now)


def _after_freezing(cut: Cutover, seen: Seen, now: datetime) -> Next:
    assert cut.frozen_at is not None
    found = "; ".join(not_dry(seen.flow, cut.terms, cut.source, cut.frozen_at))
    if not found:
        return cut.enter(Phase.REVERSING, now)
    if left(cut.since, cut.terms.freeze_limit, now) < NOTHING_LEFT:
        return cut.enter(Phase.ROLLING_BACK, now, reason=f"writes stood still for {cut.terms.freeze_limit}: {found}")
    return found
