"""Reads the world, and says where a cutover stands: for the status parameter and for `holdfast cutover`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from holdfast.cutover.by_hand import by_hand
from holdfast.cutover.gate import Seen, refusals
from holdfast.cutover.ports import Flow, World
from holdfast.cutover.state import MOST_STATE_BYTES, Cutover, Ended, Environment, Record, Terms

MOST_WORDS = 250
"""Letters of a reason that are published: three of them, four bytes each at most, fit into a parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The record and the world at one time."""

    record: Record
    seen: Seen


def look(world: World, source: Environment) -> Seen:
    """Read everything that a decision about a cutover out of `source` needs."""
    return Seen(
        source=source,
        active=world.register.active(),
        weights=world.traffic.weights(),
        healthy={side: world.traffic.healthy(side) for side in Environment},
        fences={side: world.databases.fence(side) for side in Environment},
        flow=world.databases.flow(source),
        reverse=world.databases.flow(source.other),
        ringing=tuple(world.alarms.ringing()),
    )


def status(world: World) -> Status:
    """Read the record and the world; nothing is changed."""
    record = world.ledger.read()
    source = record.cutover.source if record.cutover else world.register.active()
    return Status(record=record, seen=look(world, source))


def published(record: Record, active: Environment) -> str:
    """Return the text of the status parameter; it changes only when there is news."""
    cut = record.cutover
    found: dict[str, Any] = {"status": str(cut.phase) if cut else "idle", "active": active}
    if cut:
        found |= _of_cutover(cut)
    if record.ended:
        found["last"] = _of_ended(record.ended[0])
    text = json.dumps(found, ensure_ascii=False)
    assert len(text.encode()) <= MOST_STATE_BYTES, len(text)
    return text


def as_json(found: Status) -> dict[str, Any]:
    """Return everything there is to know, for `--output json`."""
    seen, cut = found.seen, found.record.cutover
    return {
        "status": str(cut.phase) if cut else "idle",
        "active": str(seen.active),
        "weights": {str(side): seen.weights.of(side) for side in Environment},
        "healthy": {str(side): seen.healthy[side] for side in Environment},
        "writable": {str(side): seen.fences[side] == "open" for side in Environment},
        "replication": {
            f"{seen.source}-to-{seen.target}": _of_flow(seen.flow),
            f"{seen.target}-to-{seen.source}": _of_flow(seen.reverse),
        },
        "alarms": list(seen.ringing),
        "cutover": _of_cutover(cut) if cut else None,
        "ended": [_of_ended(one) for one in found.record.ended],
    }


def plan(found: Status, terms: Terms) -> dict[str, Any]:
    """Return what a cutover from the active environment would do, and what stands against it now."""
    seen, cut = found.seen, found.record.cutover
    against = [f"a cutover to {cut.target} is under way"] if cut else refusals(seen, terms)
    bakes = terms.bake * len(terms.steps)
    return {
        "from": str(seen.source),
        "to": str(seen.target),
        "steps": list(terms.steps),
        "bake_seconds": terms.bake.total_seconds(),
        "least_seconds": bakes.total_seconds(),
        "writes_stopped_at_most_seconds": terms.freeze_limit.total_seconds(),
        "refused_because": against,
        "by_hand": by_hand(seen.source),
    }


def _of_cutover(cut: Cutover) -> dict[str, Any]:
    return {
        "token": cut.token,
        "source": str(cut.source),
        "target": str(cut.target),
        "phase": str(cut.phase),
        "percent": cut.weights.of(cut.target),
        "steps": list(cut.terms.steps),
        "since": cut.since.isoformat(),
        "waiting": cut.waiting[:MOST_WORDS],
        "reason": cut.reason[:MOST_WORDS],
    }


def _of_ended(ended: Ended) -> dict[str, Any]:
    return {
        "token": ended.token,
        "source": str(ended.source),
        "target": str(ended.target),
        "outcome": str(ended.outcome),
        "reason": ended.reason[:MOST_WORDS],
        "at": ended.at.isoformat(),
    }


def _of_flow(flow: Flow) -> dict[str, Any]:
    return {
        "status": str(flow.status),
        "lag_seconds": flow.lag_seconds,
        "pending_changes": flow.pending,
        "measured_at": flow.as_of.isoformat() if flow.as_of else None,
        "tables_in_error": flow.tables_in_error,
    }
