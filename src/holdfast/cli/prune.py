"""`holdfast prune --repo REPO [--apply]`: reclaim what no snapshot refers to."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from holdfast.cli.keys import GivenKeys
from holdfast.cli.progress import TerminalLine
from holdfast.cli.repository import opened, reads_repository
from holdfast.cli.text import shown_count, shown_size

if TYPE_CHECKING:
    from holdfast.backup.prune import PrunePlan, PruneReport
    from holdfast.backup.repository import Repository

WORKERS = 32
"""Requests under way at once where answers come late; a local repository is asked for one thing after the other."""


@click.command("prune")
@reads_repository
@click.option("--apply", "apply_plan", is_flag=True, help="Reclaim it; without it, only show the plan.")
def command(repo: str, keys: GivenKeys, output: str, quiet: bool, apply_plan: bool) -> None:
    """Plan, or with --apply carry out, what to delete and to rewrite. Backups and restores may go on meanwhile.

    What a backup at work might still refer to waits for the next prune. Exit status: 0 done; 1 the catalogue does not
    account for what is stored, and no data was deleted; 6 another prune is at work.
    """
    with opened(repo, keys, needs=["holdfast.backup.prune"]) as repository:
        from holdfast.backup.prune import plan_prune

        if not apply_plan:
            _print_plan(plan_prune(repository, workers=_at_once(repository)), output, quiet)
            return
        report = carry_out(repository, quiet=quiet)
    click.echo(json.dumps(as_json(report), indent=2) if output == "json" else as_text(report))


def carry_out(repository: Repository, *, quiet: bool) -> PruneReport:
    """Prune, telling the steps on a terminal."""
    from holdfast.backup.prune import READERS, prune

    line = TerminalLine(quiet=quiet)
    try:
        return prune(
            repository,
            owner=this_process(),
            progress=lambda step: line.write(lambda _: step),
            workers=_at_once(repository),
            readers=READERS,
        )
    finally:
        line.clear()


def _at_once(repository: Repository) -> int:
    """Return how many requests may be under way at once."""
    from holdfast.backup.remote import is_remote

    return WORKERS if is_remote(repository.objects) else 1


def this_process() -> str:
    """Return what tells others which process holds the lock, and is like no other's."""
    return f"{os.uname().nodename} {os.getpid()} {os.urandom(4).hex()}"


def _print_plan(plan: PrunePlan, output: str, quiet: bool) -> None:
    if output == "json":
        click.echo(json.dumps({"applied": False, **asdict(plan)}, indent=2))
        return
    dead, rewrite = shown_count(plan.packs_dead, "pack"), shown_count(plan.packs_to_rewrite, "pack")
    click.echo(
        f"{shown_size(plan.bytes_dead)} can be reclaimed: {dead} unused, {rewrite} to rewrite, "
        f"{plan.packs_waiting} waiting; {plan.packs_kept} stay as they are"
    )
    if not quiet:
        click.echo("nothing was changed; --apply does it", err=True)


def as_json(report: PruneReport) -> dict[str, object]:
    """Return what a prune did, for a program."""
    return {"applied": True, **asdict(report)}


def as_text(report: PruneReport) -> str:
    """Return what a prune did, in a line."""
    waiting = f"; {shown_size(report.bytes_waiting)} wait for backups at work" if report.packs_waiting else ""
    return (
        f"reclaimed {shown_size(report.bytes_deleted)}: {shown_count(report.packs_deleted, 'pack')} deleted, "
        f"{report.packs_rewritten} rewritten ({shown_size(report.bytes_copied)} copied){waiting}"
    )
