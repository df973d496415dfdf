"""`holdfast destroy`: delete a platform's stacks, unless they are protected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.stacks import Lines, Target, agreed, embedded_folder, quiet_option, target, touches_stacks, yes_option
from holdfast.errors import ExitStatus, InvalidRequest, NotFound

if TYPE_CHECKING:
    from holdfast.stacks.deploy import DeployedStack


@click.command("destroy")
@touches_stacks
@quiet_option
@yes_option
def command(
    file: Path | None,
    platform: str | None,
    environment: str | None,
    embedded: bool,
    output: str,
    quiet: bool,
    yes: bool,
) -> ExitStatus:
    """Delete the platform's stacks, last first, and print what they keep; the embedded AWS ends with its last stack.

    Exit status: 0 deleted; 1 you said no; 2 bad settings, or the environment is protected; 3 a resource cannot be
    deleted; 4 nothing is deployed; 6 someone else changes a stack.
    """
    from holdfast.stacks.destroy import destroy

    with target(file, platform, environment, embedded=embedded) as found:
        _refuse_protected(found)
        deployed = _deployed(found)
        names = ", ".join(stack.name for stack in deployed)
        if not agreed(f"Delete {names} in {found.where}, with all data they do not keep?", yes=yes):
            return ExitStatus.ANSWER_IS_NO
        kept = destroy(found.cloud, deployed, Lines(quiet=quiet))
    if embedded:
        _stop_when_empty(found, quiet=quiet)
    click.echo(json.dumps({"kept": kept}, indent=2) if output == "json" else "\n".join(f"kept {one}" for one in kept))
    return ExitStatus.DONE


def _refuse_protected(found: Target) -> None:
    if found.settings.protected:
        raise InvalidRequest(
            f"environment {found.settings.environment} is protected: write `removal: destroy` into its settings, "
            "deploy that, then destroy"
        )


def _deployed(found: Target) -> list[DeployedStack]:
    """Return those of the platform's stacks that are there."""
    from holdfast.stacks.deploy import describe

    deployed = []
    for stack in found.stacks:
        try:
            deployed.append(describe(found.cloud, stack))
        except NotFound:
            continue
    if not deployed:
        names = ", ".join(stack.name for stack in found.stacks)
        raise NotFound(f"nothing to destroy: {names} are not deployed in {found.where}")
    return deployed


def _stop_when_empty(found: Target, *, quiet: bool) -> None:
    from holdfast.rehearsal.embedded import kept
    from holdfast.rehearsal.ports import REHEARSAL_REGIONS
    from holdfast.stacks.destroy import stacks_left

    if not stacks_left(found.cloud, REHEARSAL_REGIONS):
        kept.stop(embedded_folder())
        if not quiet:
            click.echo("the embedded AWS held nothing else and was stopped", err=True)
