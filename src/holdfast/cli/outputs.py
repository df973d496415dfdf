"""`holdfast outputs`: what the deployed stacks tell."""

from __future__ import annotations

import json
from pathlib import Path

import click

from holdfast.cli.stacks import target, touches_stacks
from holdfast.errors import ExitStatus


@click.command("outputs")
@touches_stacks
def command(
    file: Path | None, platform: str | None, environment: str | None, embedded: bool, output: str
) -> ExitStatus:
    """Print the outputs of the platform's deployed stacks.

    Exit status: 0 printed; 2 bad settings; 3 AWS failed; 4 a stack, or the embedded AWS, is not there.
    """
    from holdfast.stacks.deploy import describe

    with target(file, platform, environment, embedded=embedded) as found:
        told = {stack.name: describe(found.cloud, stack).outputs for stack in found.stacks}
    if output == "json":
        click.echo(json.dumps(told, indent=2))
    else:
        for name, outputs in told.items():
            for key, value in sorted(outputs.items()):
                click.echo(f"{name}.{key} = {value}")
    return ExitStatus.DONE
