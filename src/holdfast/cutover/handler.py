"""The switch function: one run an invocation; a schedule invokes it every minute, operators whenever they like."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from holdfast.backup.clock import SystemClock
from holdfast.backup.stores.aws.clients import Clients
from holdfast.cutover.environment import CONFIG, terms_of, text_of, world_of
from holdfast.cutover.move import advance, rollback, start
from holdfast.cutover.ports import World
from holdfast.cutover.state import Environment, Outcome, Terms
from holdfast.cutover.status import Status, as_json, plan, status
from holdfast.errors import Conflict, InvalidRequest, Refused
from holdfast.settings import variables as var
from holdfast.vault.log import count, log

ACTIONS = ("advance", "start", "rollback", "status", "plan")


class Context(Protocol):
    """What Lambda tells a handler of its invocation."""

    aws_request_id: str


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Do `action` and answer where the cutover stands, or `refused` or `busy` with the reason; a token starts one.

    What it cannot do for other reasons it raises, so that an alarm rings; the next run goes on.
    """
    world, terms, namespace = _world()
    return run(event, world, terms, invocation=context.aws_request_id, namespace=namespace)


def run(event: Mapping[str, Any], world: World, terms: Terms, *, invocation: str, namespace: str) -> dict[str, Any]:
    """Do what the event asks for, in this world, and count it in `namespace`."""
    action = event.get("action", "advance")
    if action not in ACTIONS:
        raise InvalidRequest(f"action must be one of {', '.join(ACTIONS)}, got {action!r}")
    owner, token = f"function {invocation}", str(event.get("token") or invocation)
    if action == "plan":
        return plan(status(world), terms)
    if action == "status":
        return as_json(status(world))
    begun = world.clock.now()
    try:
        found = _moved(action, event, world, terms, owner, token)
    except Conflict as error:
        log("busy", action=action, reason=str(error))
        return {"busy": str(error)}
    except Refused as error:
        log("refused", action=action, reason=str(error))
        return {"refused": str(error)}
    answer = as_json(found)
    log("cutover", **answer)
    _count(found, namespace, begun)
    return answer


def _moved(action: str, event: Mapping[str, Any], world: World, terms: Terms, owner: str, token: str) -> Status:
    if action == "start":
        return start(world, token=token, terms=terms, target=_target(event), owner=owner)
    if action == "rollback":
        reason = str(event.get("reason") or "asked for by an operator")
        return rollback(world, token=token, terms=terms, reason=reason, owner=owner)
    return advance(world, owner=owner)


def _count(found: Status, namespace: str, begun: datetime) -> None:
    """Publish where it stands, and the ends that this run brought about: an alarm tells of a rollback."""
    ended = [one.outcome for one in found.record.ended if one.at >= begun]
    count(
        namespace,
        begun,
        GreenWeight=found.seen.weights.of(Environment.GREEN),
        UnderWay=int(found.record.cutover is not None),
        Completed=ended.count(Outcome.COMPLETED),
        RolledBack=ended.count(Outcome.ROLLED_BACK),
    )


def _target(event: Mapping[str, Any]) -> Environment | None:
    if not (wanted := event.get("target")):
        return None
    try:
        return Environment(wanted)
    except ValueError as error:
        raise InvalidRequest(f"target must be blue or green, got {wanted!r}") from error


@cache
def _world() -> tuple[World, Terms, str]:
    namespace = text_of(os.environ, var.METRIC_NAMESPACE)
    return world_of(os.environ, Clients(config=CONFIG), SystemClock()), terms_of(os.environ), namespace
