"""`holdfast forget --keep-daily N ... --repo REPO [--apply]`: drop what no retention rule keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.keys import Command, GivenKeys
from holdfast.cli.prune import as_json, as_text, carry_out
from holdfast.cli.quantity import Quantity
from holdfast.cli.repository import opened, reads_repository
from holdfast.cli.text import shown_count, shown_time, table
from holdfast.errors import InvalidRequest
from holdfast.settings.quantities import parse_duration

if TYPE_CHECKING:
    from holdfast.backup.ports import Record
    from holdfast.backup.prune import PruneReport
    from holdfast.backup.retention import ForgetPlan

DURATION = Quantity("duration", parse_duration)


def keep(name: str, text: str) -> Callable[[Command], Command]:
    """Return the option `--keep-NAME N`."""
    return click.option(f"--keep-{name}", type=click.IntRange(min=1), default=None, metavar="N", help=text)


@click.command("forget")
@click.argument("snapshots", nargs=-1, metavar="[SNAPSHOT]...")
@reads_repository
@keep("last", "The newest N.")
@keep("hourly", "The newest of each of the last N hours that have one.")
@keep("daily", "The newest of each of the last N days that have one.")
@keep("weekly", "The newest of each of the last N ISO weeks that have one.")
@keep("monthly", "The newest of each of the last N months that have one.")
@keep("yearly", "The newest of each of the last N years that have one.")
@click.option(
    "--keep-within",
    type=DURATION,
    metavar="60d",
    help="Everything younger; and always the newest.",
)
@click.option("--user", help="Only snapshots of this user.")
@click.option("--host", help="Only snapshots of this host.")
@click.option("--apply", "apply_plan", is_flag=True, help="Forget them; without it, only show the plan.")
@click.option("--prune", "prune_too", is_flag=True, help="With --apply: reclaim the space at once, as `prune` does.")
def command(
    snapshots: tuple[str, ...],
    repo: str,
    keys: GivenKeys,
    output: str,
    quiet: bool,
    user: str | None,
    host: str | None,
    apply_plan: bool,
    prune_too: bool,
    **rules: Any,
) -> None:
    """Plan, or with --apply carry out, which snapshots go: those named, or those that no rule keeps.

    A SNAPSHOT is the start of an id, or `latest`. Rules count for each user, host and set of sources apart, in UTC.
    Space is reclaimed by `holdfast prune`, or here with --prune.
    """
    from holdfast.backup.forget import forget
    from holdfast.backup.retention import Retention, plan_forget, plan_named
    from holdfast.backup.snapshots import resolve

    given = {name.removeprefix("keep_"): rule for name, rule in rules.items() if rule is not None}
    if snapshots and (given or (user, host) != (None, None)):
        raise InvalidRequest("name snapshots, or give rules: not both")
    retention = None if snapshots else Retention(**given)
    with opened(repo, keys, needs=["holdfast.backup.prune"] if prune_too else []) as repository:
        if retention:
            records = [one for one in repository.ledger.completed(user) if host in (None, one.host)]
            plan = plan_forget(records, retention, now=repository.clock.now())
        else:
            plan = plan_named(repository.ledger.completed(), {resolve(repository, name) for name in snapshots})
        if apply_plan:
            forget(repository, plan)
        pruned = carry_out(repository, quiet=quiet) if apply_plan and prune_too else None
    click.echo(_as_json(plan, apply_plan, pruned) if output == "json" else _as_text(plan))
    if pruned and output == "text":
        click.echo(as_text(pruned))
    if not quiet:
        done = "forgotten" if apply_plan else "would be forgotten; --apply does it"
        click.echo(f"{shown_count(len(plan.forget), 'snapshot')} {done}", err=True)


def _as_text(plan: ForgetPlan) -> str:
    rows = [("keep", *_row(kept.record), ", ".join(kept.reasons)) for kept in plan.keep]
    rows += [("forget", *_row(record), plan.why) for record in plan.forget]
    return table([("PLAN", "SNAPSHOT", "TIME", "USER", "HOST", "WHY"), *rows])


def _row(record: Record) -> tuple[str, str, str, str]:
    return record.id[:12], shown_time(record.start), record.user, record.host


def _as_json(plan: ForgetPlan, applied: bool, pruned: PruneReport | None) -> str:
    done = {
        "applied": applied,
        "keep": [{"snapshot": kept.record.id, "reasons": list(kept.reasons)} for kept in plan.keep],
        "forget": [{"snapshot": record.id} for record in plan.forget],
    }
    return json.dumps({**done, "prune": as_json(pruned)} if pruned else done, indent=2)
