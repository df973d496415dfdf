"""The switch function: one run an invocation; a schedule invokes it every minute, operators whenever they like."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from holdfast.backup.clock import SystemClock
from holdfast.backup.stores.aws.clients import Clients
from holdfast.cutover.environment import CONFIG, terms_of, world_of
from holdfast.cutover.move import advance, rollback, start
from holdfast.cutover.ports import World
from holdfast.cutover.state import Environment, Terms
from holdfast.cutover.status import Status, as_json, plan, status
from holdfast.errors import Conflict, InvalidRequest, Refused
from holdfast.vault.log import count, log

NAMESPACE = "Holdfast/Cutover"
ACTIONS = ("advance", "start", "rollback", "status", "plan")


class Context(Protocol):
    """What Lambda tells a handler of its invocation."""

    aws_request_id: str


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Do `action` and answer where the cutover stands, or `refused` or `busy` with the reason; a token starts one.

    What it cannot do for other reasons it raises, so that an alarm rings; the next run goes on.
    """
    world, terms = _world()
    return run(event, world, terms, invocation=context.aws_request_id)


def run(event: Mapping[str, Any], world: World, terms: Terms, *, invocation: str) -> dict[str, Any]:
    """Do what the event asks for, in this world."""
    action = event.get("action", "advance")
    if action not in ACTIONS:
        raise InvalidRequest(f"action must be one of {', '.join(ACTIONS)}, got {action!r}")
    owner, token = f"function {invocation}", str(event.get("token") or invocation)
    if action == "plan":
        return plan(status(world), terms)
    if action == "status":
        return as_json(status(world))
    try:
        return _told(_moved(action, event, world, terms, owner, token), world)
    except Conflict as error:
        log("busy", action=action, reason=str(error))
        return {"busy": str(error)}
    except Refused as error:
        log("refused", action=action, reason=str(error))
        return {"refused": str(error)}


def _moved(action: str, event: Mapping[str, Any], world: World, terms: Terms, owner: str, token: str) -> Status:
    if action == "start":
        return start(world, token=token, terms=terms, target=_target(event), owner=owner)
    if action == "rollback":
        reason = str(event.get("reason") or "asked for by an operator")
        return rollback(world, token=token, terms=terms, reason=reason, owner=owner)
    return advance(world, owner=owner)


def _told(found: Status, world: World) -> dict[str, Any]:
    answer = as_json(found)
    log("cutover", **answer)
    green = found.seen.weights.of(Environment.GREEN)
    count(NAMESPACE, world.clock.now(), GreenWeight=green, UnderWay=int(found.record.cutover is not None))
    return answer


def _target(event: Mapping[str, Any]) -> Environment | None:
    if not (wanted := event.get("target")):
        return None
    try:
        return Environment(wanted)
    except ValueError as error:
        raise InvalidRequest(f"target must be blue or green, got {wanted!r}") from error


@cache
def _world() -> tuple[World, Terms]:
    return world_of(os.environ, Clients(config=CONFIG), SystemClock()), terms_of(os.environ)
