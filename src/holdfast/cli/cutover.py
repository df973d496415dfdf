"""`holdfast cutover status|plan|start|rollback STACK`: switch between blue and green."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.text import table
from holdfast.errors import Conflict, ExitStatus

if TYPE_CHECKING:
    from holdfast.cutover.find import Found
    from holdfast.cutover.status import Status

POLL_SECONDS = 15.0


def _of_a_stack(verb: Callable[..., int | None]) -> Callable[..., int | None]:
    """Add what all verbs take."""
    output = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
    region = click.option("--region", help="Region of the stack; else the one of the AWS settings.")
    return click.argument("stack")(region(output(verb)))


def _token(verb: Callable[..., int | None]) -> Callable[..., int | None]:
    words = "Name of this request; the same one again starts nothing twice. Made up where none is given."
    wait = click.option("--wait", is_flag=True, help="Do what is due every 15 seconds until the cutover has ended.")
    return click.option("--token", help=words)(wait(verb))


@click.group()
def command() -> None:
    """Switch a payment platform between blue and green: traffic in steps, then the writes once."""


@command.command()
@_of_a_stack
def status(stack: str, region: str | None, output: str) -> None:
    """Show which side is active, the live weights, health, replication, and the cutover under way."""
    from holdfast.cutover.status import status as read

    _print(read(_found(stack, region).world), output)


@command.command()
@_of_a_stack
def plan(stack: str, region: str | None, output: str) -> int:
    """Show what a cutover would do, what stands against it now, and what is left to people. Changes nothing.

    Exit status: 0 it may start; 1 it would be refused.
    """
    from holdfast.cutover.status import plan as planned
    from holdfast.cutover.status import status as read

    found = _found(stack, region)
    told = planned(read(found.world), found.terms)
    click.echo(json.dumps(told, indent=2) if output == "json" else _shown_plan(told))
    return ExitStatus.ANSWER_IS_NO if told["refused_because"] else ExitStatus.DONE


@command.command()
@_of_a_stack
@click.option(
    "--to", "target", type=click.Choice(["blue", "green"]), help="The side to go to; refused if it is active."
)
@_token
def start(stack: str, region: str | None, output: str, target: str | None, token: str | None, wait: bool) -> int:
    """Start a cutover away from the active side; the switch function goes on with it every minute.

    Exit status: 0 started, or with --wait completed; 1 refused, or rolled back; 6 another cutover is under way.
    """
    from holdfast.cutover.move import start as begin
    from holdfast.cutover.state import Environment

    found = _found(stack, region)
    side = Environment(target) if target else None
    token = token or _made_up()
    reached = begin(found.world, token=token, terms=found.terms, target=side, owner=_owner())
    return _finish(found, reached, token, output, wait)


@command.command()
@_of_a_stack
@_token
@click.option("--reason", default="asked for by an operator", show_default=True, help="Written into the status.")
def rollback(stack: str, region: str | None, output: str, token: str | None, wait: bool, reason: str) -> int:
    """Take back the cutover under way; one that is completed by a cutover back, which loses nothing or is refused.

    Exit status: 0 rolled back or on its way; 1 refused; 6 another run is at work.
    """
    from holdfast.cutover.move import rollback as take_back

    found = _found(stack, region)
    token = token or _made_up()
    reached = take_back(found.world, token=token, terms=found.terms, reason=reason, owner=_owner())
    _finish(found, reached, token, output, wait)
    return ExitStatus.DONE


def _found(stack: str, region: str | None) -> Found:
    from holdfast.backup.clock import SystemClock
    from holdfast.backup.stores.aws.clients import Clients
    from holdfast.cutover.environment import CONFIG
    from holdfast.cutover.find import find

    return find(stack, clients=Clients(config=CONFIG), clock=SystemClock(), region=region)


def _owner() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"


def _made_up() -> str:
    return f"cli-{secrets.token_hex(8)}"


def _finish(found: Found, reached: Status, token: str, output: str, wait: bool) -> int:
    from holdfast.cutover.move import advance
    from holdfast.cutover.state import Outcome

    owner = _owner()
    while wait and reached.record.cutover:
        click.echo(f"{reached.record.cutover.phase}: {reached.record.cutover.waiting}", err=True)
        time.sleep(POLL_SECONDS)
        try:
            reached = advance(found.world, owner=owner)
        except Conflict as busy:  # the function's own run; look again
            click.echo(str(busy), err=True)
    _print(reached, output)
    ended = next((one for one in reached.record.ended if one.token == token), None)
    taken_back = ended is not None and ended.outcome is Outcome.ROLLED_BACK
    return ExitStatus.ANSWER_IS_NO if taken_back else ExitStatus.DONE


def _print(found: Status, output: str) -> None:
    from holdfast.cutover.status import as_json

    told = as_json(found)
    click.echo(json.dumps(told, indent=2) if output == "json" else _shown(told))


def _shown(told: dict[str, Any]) -> str:
    sides = [
        [side, str(told["weights"][side]), str(told["healthy"][side]), "yes" if told["writable"][side] else "no"]
        for side in ("blue", "green")
    ]
    flows = [
        f"replication {name}: {flow['status']}"
        + ("" if flow["lag_seconds"] is None else f", {flow['lag_seconds']:.0f} s behind")
        for name, flow in told["replication"].items()
    ]
    lines = [f"{told['active']} is active; {told['status']}", table([["side", "weight", "healthy", "writes"], *sides])]
    lines += flows + [f"alarm {name} rings" for name in told["alarms"]]
    if cut := told["cutover"]:
        lines.append(f"cutover {cut['source']} to {cut['target']} ({cut['token']}): {cut['phase']}, {cut['waiting']}")
    if told["ended"]:
        last = told["ended"][0]
        reason = f": {last['reason']}" if last["reason"] else ""
        lines.append(f"last: {last['source']} to {last['target']} {last['outcome']} {last['at']}{reason}")
    return "\n".join(lines)


def _shown_plan(told: dict[str, Any]) -> str:
    minutes = told["least_seconds"] / 60
    lines = [
        (
            f"{told['from']} to {told['to']}: {', '.join(f'{step} %' for step in told['steps'])}, "
            f"{told['bake_seconds'] / 60:.0f} min each, {minutes:.0f} min at least; "
            f"then writes stop for at most {told['writes_stopped_at_most_seconds'] / 60:.0f} min"
        )
    ]
    lines += [f"refused now: {reason}" for reason in told["refused_because"]]
    return "\n".join([*lines, "by hand:", *(f"  {n}. {step}" for n, step in enumerate(told["by_hand"], 1))])
