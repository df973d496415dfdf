"""`holdfast vault`: what an operator does to a deployed vault."""

from __future__ import annotations

import json

import click


@click.group()
def command() -> None:
    """Operate a deployed vault."""


@command.command()
@click.argument("stack")
@click.option("--region", help="Region of the stack; else the one of the AWS settings.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def replay(stack: str, region: str | None, output: str) -> None:
    """Move the dead letters of STACK back into its backup queue.

    Do it after the cause is mended: a message that fails three times more is a dead letter again. Users whose backup
    is done meanwhile are not backed up twice.
    """
    from holdfast.backup.clock import SystemClock
    from holdfast.backup.stores.aws.clients import Clients
    from holdfast.vault.replay import replay as move

    done = move(stack, clock=SystemClock(), clients=Clients(), region=region)
    if output == "json":
        click.echo(json.dumps({"waiting": done.waiting, "moved": done.moved}))
    elif done.moved:
        click.echo(f"moved {done.moved} dead letters back into the backup queue")
    else:
        click.echo("no dead letter waits")
