"""What is missing between the world and what a phase wants, in the order of the protocol's table. Pure."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.cutover.gate import Seen
from holdfast.cutover.ports import Fence, FlowStatus, World
from holdfast.cutover.state import Cutover, Environment, Phase

IN_PLACE = ""
Change = Callable[[World], None]
"""One absolute write."""


def interference(cut: Cutover, seen: Seen) -> str:
    """Return what someone else changed so that this cutover must not go on; empty: nothing."""
    if cut.phase is Phase.PROMOTING and seen.active is cut.source and seen.fences[cut.source] is not Fence.CLOSED:
        return f"the database of {cut.source} was opened for writes again"
    if not cut.may_roll_back:
        return ""
    if cut.applied and seen.weights != cut.weights:
        return f"someone set the weights to {seen.weights}, {cut.weights} were expected"
    if cut.frozen_at and seen.fences[cut.source] is not Fence.CLOSED:
        return f"the database of {cut.source} was opened for writes again"
    if seen.active is not cut.source:
        return f"someone made {seen.active} active"
    return ""


def difference(cut: Cutover, seen: Seen) -> Change | str:
    """Return the first write that is missing, or what is waited for; `IN_PLACE`: the world is as the phase wants it."""
    return _BY_PHASE[cut.phase](cut, seen)


def close(environment: Environment) -> Change:
    """Fence a database."""
    return lambda world: world.databases.set_fence(environment, closed=True)


def _open(environment: Environment) -> Change:
    return lambda world: world.databases.set_fence(environment, closed=False)


def _stop_flow(source: Environment) -> Change:
    return lambda world: world.databases.stop_flow(source)


def _activate(environment: Environment) -> Change:
    return lambda world: world.register.set_active(environment)


def _shift(cut: Cutover) -> Change:
    return lambda world: world.traffic.set_weights(cut.weights)


def _shifting(cut: Cutover, seen: Seen) -> Change | str:
    if found := _closed(cut.target, seen):
        return found
    return _shift(cut) if seen.weights != cut.weights else IN_PLACE


def _freezing(cut: Cutover, seen: Seen) -> Change | str:
    return _closed(cut.target, seen) or _closed(cut.source, seen)


def _reversing(cut: Cutover, seen: Seen) -> Change | str:
    if seen.flow.status is FlowStatus.RUNNING:
        return _stop_flow(cut.source)
    if seen.flow.status is FlowStatus.CHANGING:
        return f"replication {cut.source} to {cut.target} is stopping"
    if seen.reverse.status in (FlowStatus.STOPPED, FlowStatus.FAILED):
        return lambda world: world.databases.start_flow(cut.target, since=cut.since)
    if seen.reverse.status is FlowStatus.CHANGING:
        return f"replication {cut.target} to {cut.source} is starting"
    return IN_PLACE


def _promoting(cut: Cutover, seen: Seen) -> Change | str:
    if seen.fences[cut.source].lets_writes_in:
        return close(cut.source)
    if found := _opened(cut.target, seen):
        return found
    return _activate(cut.target) if seen.active is not cut.target else IN_PLACE


def _rolling_back(cut: Cutover, seen: Seen) -> Change | str:
    if seen.fences[cut.target].lets_writes_in:
        return close(cut.target)
    if found := _opened(cut.source, seen):
        return found
    if seen.active is not cut.source:
        return _activate(cut.source)
    if seen.weights != cut.weights:
        return _shift(cut) if seen.healthy[cut.source] else f"{cut.source} has no healthy target to go back to"
    if found := _closed(cut.target, seen):
        return found
    return _flow_back(cut, seen) if cut.frozen_at else IN_PLACE


def _flow_back(cut: Cutover, seen: Seen) -> Change | str:
    """Stop the reverse flow before the other resumes; a failed flow is for its alarm, not for a rollback to wait on."""
    if seen.reverse.status is FlowStatus.RUNNING:
        return _stop_flow(cut.target)
    if FlowStatus.CHANGING in (seen.reverse.status, seen.flow.status):
        return "replication is being turned back"
    if seen.flow.status is FlowStatus.STOPPED:
        return lambda world: world.databases.start_flow(cut.source, since=None)
    return IN_PLACE


def _closed(environment: Environment, seen: Seen) -> Change | str:
    found = seen.fences[environment]
    if found.lets_writes_in:
        return close(environment)
    return IN_PLACE if found is Fence.CLOSED else f"the writes of {environment} are being stopped"


def _opened(environment: Environment, seen: Seen) -> Change | str:
    found = seen.fences[environment]
    if not found.lets_writes_in:
        return _open(environment)
    return IN_PLACE if found is Fence.OPEN else f"{environment} is being opened for writes"


_BY_PHASE = {
    Phase.SHIFTING: _shifting,
    Phase.FREEZING: _freezing,
    Phase.REVERSING: _reversing,
    Phase.PROMOTING: _promoting,
    Phase.ROLLING_BACK: _rolling_back,
}
