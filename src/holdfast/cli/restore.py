"""`holdfast restore SNAPSHOT[:PATH] --target DIR`: write it back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from holdfast.cli.events import Reporter
from holdfast.cli.keys import GivenKeys
from holdfast.cli.repository import jobs_for, jobs_option, opened, reads_repository_with_events
from holdfast.cli.restore_plan import plan_as_json, plan_as_text
from holdfast.cli.text import json_path, shown_count, shown_path, shown_size
from holdfast.errors import ExitStatus, Interrupted, InvalidRequest

if TYPE_CHECKING:
    from holdfast.backup.ids import SnapshotId
    from holdfast.backup.plan_restore import RestorePlan
    from holdfast.backup.repository import Repository
    from holdfast.backup.restore import Progress, RestoreSummary
    from holdfast.backup.targets import Target

BUCKET = "s3://"
WORKERS = 16
"""Requests under way at once, about the temperature of packs."""


@click.command("restore")
@click.argument("snapshot", metavar="SNAPSHOT[:PATH]")
@click.option("--target", metavar="DIR", help="Folder, new or empty unless --overwrite; or s3://bucket/prefix.")
@click.option("--overwrite", is_flag=True, help="Replace files of the same name in a folder that is not empty.")
@click.option("--numeric-owner", is_flag=True, help="Owners by number even where this machine knows the name.")
@jobs_option
@click.option("--plan", "only_plan", is_flag=True, help="Tell packs, bytes, hours and money; restore nothing.")
@click.option(
    "--thaw",
    "tier",
    type=click.Choice(["standard", "bulk"]),
    help="Ask for archived packs and wait: hours, or for less money up to two days.",
)
@click.option(
    "--thaw-days", default=7, show_default=True, type=click.IntRange(min=1), help="Keep thawed copies so long."
)
@reads_repository_with_events
def command(
    snapshot: str,
    target: str | None,
    overwrite: bool,
    numeric_owner: bool,
    only_plan: bool,
    tier: str | None,
    thaw_days: int,
    repo: str,
    keys: GivenKeys,
    output: str,
    quiet: bool,
    jobs: int | None,
) -> int:
    """Write a snapshot, or what is at PATH in it, to DIR. SNAPSHOT is `latest` or the start of an id.

    What was in the backed-up folder is put directly in DIR; several sources go below their full paths. Exit status: 0
    all is there; 1 something could not be restored, and stderr says what; 2 DIR is not empty; 3 the disk failed.
    """
    name, _, path = snapshot.partition(":")
    if target is None and not only_plan:
        raise InvalidRequest("give --target DIR, or --plan to see what a restore will take")
    if target == "":  # as `restore --target "$DIR"` has it where DIR is not set
        raise InvalidRequest("the target has an empty name; name a folder, `.` for this one")
    from holdfast.backup.restore_ahead import RestoreAhead

    report = Reporter(output, quiet=quiet)
    needs = ["holdfast.backup.restore", "holdfast.backup.targets.directory"]
    ahead = RestoreAhead()
    with opened(repo, keys, needs=needs, ahead=ahead.begin) as repository:
        from holdfast.backup.snapshots import resolve

        before = ahead.taken(repository)
        id_ = resolve(repository, name, before.completed)
        below = os.fsencode(path) if path else None
        if only_plan or tier or before.seems_archived:
            plan = _plan(repository, id_, below, tier, thaw_days, quiet=quiet, only_plan=only_plan)
            if only_plan:
                click.echo(plan_as_text(plan) if output == "text" else json.dumps(plan_as_json(plan), indent=2))
        if target is None or only_plan:
            return ExitStatus.DONE
        with _target(target, overwrite, numeric_owner) as place:
            summary = _write(repository, id_, below, place, report, jobs_for(jobs))
    _print(summary, output, quiet)
    return ExitStatus.ANSWER_IS_NO if summary.failed_count else ExitStatus.DONE


def _write(
    repository: Repository, snapshot: SnapshotId, path: bytes | None, place: Target, report: Reporter, jobs: int
) -> RestoreSummary:
    """Restore, telling how far it is."""
    from holdfast.backup.manifest import load_manifest
    from holdfast.backup.restore import restore

    size = load_manifest(repository, snapshot).counts.get("size") if report.is_on and path is None else None

    def progress(at: Progress) -> None:
        report.progress(at.files, at.bytes_written, at.path, done=at.bytes_written, of=size)

    try:
        shown = progress if report.is_on else None
        return restore(repository, snapshot, place, path=path, jobs=jobs, progress=shown)
    except KeyboardInterrupt as error:
        text = "interrupted; what was restored stays: run it again with --overwrite to have all of it"
        raise Interrupted(text) from error
    finally:
        report.clear()


def _plan(
    repository: Repository,
    snapshot: SnapshotId,
    path: bytes | None,
    tier: str | None,
    days: int,
    *,
    quiet: bool,
    only_plan: bool,
) -> RestorePlan:
    """Plan; with a tier, and unless that is all that was asked for, thaw what is archived."""
    from holdfast.backup.cold import Tier
    from holdfast.backup.plan_restore import plan_restore, refuse_cold, thaw, thaw_trees

    chosen = Tier(tier or Tier.STANDARD)
    if tier and not only_plan:
        thaw_trees(repository, snapshot, chosen, days, workers=WORKERS)
    plan = plan_restore(repository, snapshot, path=path, tier=chosen, days=days, workers=WORKERS)
    if only_plan:
        return plan
    if not tier:
        refuse_cold(plan)
    elif plan.cold_packs:
        if not quiet:
            click.echo(plan_as_text(plan), err=True)
        thaw(repository, plan, workers=WORKERS)
    return plan


@contextmanager
def _target(target: str, overwrite: bool, numeric_owner: bool) -> Iterator[Target]:
    if not target.startswith(BUCKET):
        from holdfast.backup.targets.directory import DirectoryTarget

        yield DirectoryTarget(os.fsencode(target), overwrite=overwrite, numeric_owner=numeric_owner)
        return
    from holdfast.backup.stores.aws.clients import Clients
    from holdfast.backup.targets.s3 import S3Target, parse_uri

    clients = Clients()
    try:
        yield S3Target(clients.s3(), *parse_uri(target))
    finally:
        clients.close()


def _print(summary: RestoreSummary, output: str, quiet: bool) -> None:
    for failed in summary.failed:
        click.echo(f"not restored: {shown_path(failed.path)}: {failed.reason}", err=True)
    if summary.failed_count > len(summary.failed):
        click.echo(f"not restored: {summary.failed_count - len(summary.failed)} more", err=True)
    if not quiet:
        for warning in summary.warnings:
            click.echo(f"warning: {warning}", err=True)
    if output != "text":
        as_json = _as_json(summary)
        click.echo(json.dumps(as_json, indent=2) if output == "json" else json.dumps({"event": "summary", **as_json}))
        return
    click.echo(
        f"restored {shown_count(summary.files, 'file')}, {shown_size(summary.bytes_written)} of snapshot "
        f"{summary.snapshot[:12]} in {summary.seconds:.1f} s"
    )


def _as_json(summary: RestoreSummary) -> dict[str, object]:
    return {
        "snapshot": summary.snapshot,
        "files": summary.files,
        "folders": summary.folders,
        "others": summary.others,
        "bytes_written": summary.bytes_written,
        "failed": [{"path": json_path(failed.path), "reason": failed.reason} for failed in summary.failed],
        "failed_count": summary.failed_count,
        "warnings": list(summary.warnings),
        "seconds": summary.seconds,
    }
