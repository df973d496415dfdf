"""What must hold before traffic or writes may move; each line that does not, in words for an operator. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.cutover.ports import Fence, Flow, FlowStatus
from holdfast.cutover.state import Environment, Terms, Weights

FENCE_SETTLES = timedelta(minutes=1)
"""How long a fence that was seen closed may still let a transaction through: RDS says that a dynamic parameter is
applied at once, not by when, and its state is read before it changes. Ours, with a margin; not a published figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The world as one run read it, for a cutover from `source` to `source.other`."""

    source: Environment
    active: Environment
    weights: Weights
    healthy: dict[Environment, int]
    fences: dict[Environment, Fence]
    flow: Flow
    reverse: Flow
    ringing: Sequence[str]

    @property
    def target(self) -> Environment:
        """The other side."""
        return self.source.other


def refusals(seen: Seen, terms: Terms) -> list[str]:
    """Return why a cutover from the active environment may not start; empty: it may."""
    source, target, found = seen.source, seen.target, []
    if not seen.weights.settled_on(source):
        found.append(f"live weights are {seen.weights} while {source} is active; settle them with a rollback first")
    if seen.fences[source] is not Fence.OPEN:
        found.append(f"the database of {source}, which is active, takes no writes (fence {seen.fences[source]})")
    if seen.fences[target] is not Fence.CLOSED:
        found.append(f"the database of {target} takes writes (fence {seen.fences[target]}); the next run closes it")
    found += unhealthy(seen, terms) + behind(seen.flow, terms, source)
    found += [f"alarm {name} rings" for name in seen.ringing]
    return found


def unhealthy(seen: Seen, terms: Terms) -> list[str]:
    """Return a line if the target has too few healthy targets."""
    count = seen.healthy[seen.target]
    return [f"{seen.target} has {count} healthy targets, {terms.min_healthy} wanted"] * (count < terms.min_healthy)


def behind(flow: Flow, terms: Terms, source: Environment) -> list[str]:
    """Return why the flow out of `source` cannot be relied on."""
    name = f"replication {source} to {source.other}"
    if flow.status is not FlowStatus.RUNNING:
        return [f"{name} is {flow.status}; start its task"]
    if flow.tables_in_error:
        return [f"{name} has {flow.tables_in_error} tables in error; mend and reload them"]
    if flow.lag_seconds is None:
        return [f"the lag of {name} is unknown: no measurement"]
    if flow.lag_seconds > terms.max_lag.total_seconds():
        return [f"{name} lags {flow.lag_seconds:.0f} s, {terms.max_lag.total_seconds():.0f} allowed"]
    return []


def not_dry(flow: Flow, terms: Terms, source: Environment, frozen_at: datetime) -> list[str]:
    """Return why changes made before `frozen_at` may still be on their way."""
    if found := behind(flow, terms, source):
        return found
    if flow.as_of is None or flow.as_of < frozen_at + FENCE_SETTLES:
        return [f"no measurement of replication since the writes stopped at {frozen_at + FENCE_SETTLES:%H:%M:%S} UTC"]
    if flow.pending is None or flow.pending > 0:
        waiting = "an unknown number of" if flow.pending is None else f"{flow.pending:.0f}"
        return [f"{waiting} changes wait to be applied on {source.other}"]
    return []


def left(since: datetime, limit: timedelta, now: datetime) -> timedelta:
    """Return how much of `limit` is left."""
    return since + limit - now
