"""`holdfast verify --repo REPO`: is everything there, and is it what was written?"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from holdfast.backup.stores.in_aws import is_in_aws
from holdfast.cli.keys import GivenKeys
from holdfast.cli.progress import CountLine
from holdfast.cli.quantity import Quantity
from holdfast.cli.repository import jobs_for, jobs_option, opened, reads_repository
from holdfast.cli.text import shown_count, shown_path, shown_size
from holdfast.errors import ExitStatus, InvalidRequest
from holdfast.settings.quantities import parse_percent

if TYPE_CHECKING:
    from holdfast.backup.verify import Damage, VerifyReport

FILES_SHOWN = 10
WORKERS = 8
"""Requests under way at once for a repository in AWS: manifests, ends of packs."""


@click.command("verify")
@reads_repository
@click.option("--read-data", is_flag=True, help="Read every byte.")
@click.option("--sample", type=Quantity("share", parse_percent), metavar="5%", help="Read a random share of the packs.")
@jobs_option
def command(
    repo: str,
    keys: GivenKeys,
    output: str,
    quiet: bool,
    read_data: bool,
    sample: float | None,
    jobs: int | None,
) -> int:
    """Check that every snapshot can be restored: all it refers to is there; with --read-data or --sample, is intact.

    Exit status: 0 nothing is wrong; 1 something is, and stdout says what, with the snapshots and files it costs.
    """
    from random import SystemRandom

    if read_data and sample is not None:
        raise InvalidRequest("give --read-data or --sample, not both")
    line = CountLine(quiet=quiet)
    with opened(repo, keys, needs=["holdfast.backup.verify"]) as repository:
        from holdfast.backup.verify import verify

        try:
            report = verify(
                repository,
                read_data=read_data,
                sample=sample,
                random=SystemRandom(),
                progress=line.show,
                workers=WORKERS if is_in_aws(repo) else 1,
                jobs=jobs_for(jobs),
            )
        finally:
            line.clear()
    click.echo(_as_json(report) if output == "json" else _as_text(report))
    return ExitStatus.DONE if report.ok else ExitStatus.ANSWER_IS_NO


def _as_text(report: VerifyReport) -> str:
    lines = [line for damage in report.damage for line in damage_lines(damage)]
    verdict = "nothing is wrong" if report.ok else f"{shown_count(len(report.damage), 'object')} damaged"
    read = f", {shown_size(report.bytes_read)} read" if report.bytes_read else ""
    counted = f"{shown_count(report.snapshots, 'snapshot')}, {shown_count(report.packs, 'pack')}"
    return "\n".join([*lines, f"{verdict}: {counted}, {shown_count(report.chunks, 'chunk')}{read}"])


def damage_lines(damage: Damage) -> list[str]:
    """Return what people read of one damage."""
    lines = [f"{damage.object}: {damage.what}"]
    if damage.snapshots:
        lines.append(f"  snapshots: {', '.join(id_[:12] for id_ in damage.snapshots)}")
    lines += [f"  file: {shown_path(os.fsencode(path))}" for path in damage.files[:FILES_SHOWN]]
    if len(damage.files) > FILES_SHOWN:
        lines.append(f"  and {len(damage.files) - FILES_SHOWN} more files; --output json names them")
    return lines


def _as_json(report: VerifyReport) -> str:
    return json.dumps(
        {
            "ok": report.ok,
            "snapshots": report.snapshots,
            "packs": report.packs,
            "chunks": report.chunks,
            "bytes_read": report.bytes_read,
            "damage": [damage_as_json(one) for one in report.damage],
        },
        indent=2,
    )


def damage_as_json(damage: Damage) -> dict[str, object]:
    """Return what machines read of one damage."""
    return {"object": damage.object, "what": damage.what, "snapshots": damage.snapshots, "files": damage.files}
