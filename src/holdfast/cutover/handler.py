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
from holdfast.errors import Conflict, InvalidRequest
from holdfast.vault.log import count, log

NAMESPACE = "Holdfast/Cutover"
ACTIONS = ("advance", "start", "rollback", "status", "plan")


class Context(Protocol):
    """What Lambda tells a handler of its invocation."""

    aws_request_id: str


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Do `action` and answer where the cutover stands; a repeated `token` starts nothing twice.

    Raises:
        Refused: a gate is closed.
        Conflict: `start` or `rollback` met another mover; the schedule's `advance` answers `busy` instead.
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
    if action == "advance":
        return _advanced(world, owner)
    if action == "start":
        found = start(world, token=token, terms=terms, target=_target(event), owner=owner)
    else:
        reason = str(event.get("reason") or "asked for by an operator")
        found = rollback(world, token=token, terms=terms, reason=reason, owner=owner)
    return _told(found, world)


def _advanced(world: World, owner: str) -> dict[str, Any]:
    try:
        return _told(advance(world, owner=owner), world)
    except Conflict as error:
        log("busy", reason=str(error))
        return {"busy": str(error)}


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
