"""`holdfast deploy`: bring a platform's stacks to what the settings say."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli import differences
from holdfast.cli.stacks import (
    Lines,
    Target,
    agreed,
    parameter_option,
    quiet_option,
    target,
    touches_stacks,
    yes_option,
)
from holdfast.errors import ExitStatus

if TYPE_CHECKING:
    from holdfast.stacks.deploy import Deployment


@click.command("deploy")
@touches_stacks
@quiet_option
@parameter_option
@yes_option
@click.option("--import-existing", is_flag=True, help="Take over what an earlier stack kept under the same names.")
def command(
    file: Path | None,
    platform: str | None,
    environment: str | None,
    embedded: bool,
    output: str,
    quiet: bool,
    yes: bool,
    import_existing: bool,
    parameters: tuple[str, ...],
) -> ExitStatus:
    """Create or update the platform's stacks, in order, and print their outputs.

    To AWS it shows what would change and asks; to the embedded AWS it does not ask. A stack that fails is rolled back,
    and those before it stand.

    Exit status: 0 deployed; 1 you said no; 2 bad settings; 3 a stack failed; 4 the account is not bootstrapped;
    6 someone else changes a stack.
    """
    from holdfast.stacks.compare import compare

    begun = time.perf_counter()
    with target(file, platform, environment, embedded=embedded, start=True, parameters=parameters) as found:
        if not embedded and not yes:
            click.echo(differences.text(compare(found.cloud, found.stacks)), err=True)
            if not agreed(f"Deploy {len(found.stacks)} stacks to {found.where}?", yes=yes):
                return ExitStatus.ANSWER_IS_NO
        deployed = _deploy(found, Lines(quiet=quiet), import_existing=import_existing)
    outputs = {stack.name: stack.outputs for stack in deployed.stacks}
    if output == "json":
        click.echo(json.dumps(outputs, indent=2))
    else:
        for name, told in outputs.items():
            click.echo("\n".join(f"{name}.{key} = {value}" for key, value in sorted(told.items())))
    if not quiet:
        click.echo(f"{len(outputs)} stacks in {time.perf_counter() - begun:.1f} s", err=True)
    return ExitStatus.DONE


def _deploy(found: Target, tell: Lines, *, import_existing: bool) -> Deployment:
    if found.embedded:
        from holdfast.rehearsal.deploy import assumed, bootstrap

        for stack in found.stacks:
            bootstrap(found.cloud, stack)
        found = replace(found, stacks=assumed(found.cloud, found.stacks))
    from holdfast.stacks.deploy import deploy

    return deploy(found.cloud, found.stacks, tell, import_existing=import_existing)
