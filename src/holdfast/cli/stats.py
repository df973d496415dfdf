"""`holdfast stats --repo REPO`: who uses what, and what deduplication saved."""

from __future__ import annotations

import json
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.backup.stores.in_aws import is_in_aws
from holdfast.cli.keys import GivenKeys
from holdfast.cli.progress import TerminalLine
from holdfast.cli.repository import opened, reads_repository
from holdfast.cli.text import shown_size, shown_time, table
from holdfast.cli.unreadable import Unreadable
from holdfast.errors import InvalidRequest

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.backup.usage import Usage, UsageReport


NAME_LETTERS, ID_DIGITS = 32, 12
"""So much of a name, or of a snapshot's id, is in the table."""
WORKERS = 16
"""Requests under way at once where each takes long."""


@click.command("stats")
@reads_repository
@click.option("--by", type=click.Choice(["user", "host", "snapshot"]), default="user", show_default=True)
@click.option(
    "--report",
    "page",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with plots as well: HTML, one file.",
)
@click.option("--user", help="Only snapshots of this user; what others share with them counts as theirs alone.")
def command(repo: str, keys: GivenKeys, output: str, quiet: bool, by: str, page: Path | None, user: str | None) -> int:
    """Tell who uses how much: raw, without repetition, stored, a fair share of that, and what nobody else uses.

    Reads no data. Exit status: 0; 1 without the snapshots that stderr names, which are damaged.
    """
    from holdfast.backup.parallel import each
    from holdfast.backup.snapshots import readable_manifest
    from holdfast.backup.usage import measure_usage

    if page is not None and not page.name:
        raise InvalidRequest("--report names no file; name one, as usage.html")
    unreadable = Unreadable()
    workers, line = WORKERS if is_in_aws(repo) else 1, TerminalLine(quiet=quiet)
    with opened(repo, keys) as repository:
        ids, now = [record.id for record in repository.ledger.completed(user)], repository.clock.now()
        try:
            report = measure_usage(
                repository,
                filter(None, each(lambda id_: readable_manifest(repository, id_, unreadable), ids, workers)),
                attrgetter("id" if by == "snapshot" else by),
                workers=workers,
                progress=lambda step: line.write(lambda _: step),
            )
        finally:
            line.clear()
    _print(report, by=by, output=output, quiet=quiet)
    if page:
        _write_page(page, report, by=by, repo=repo, now=now)
        if not quiet:
            click.echo(f"drawn in {page}", err=True)
    return unreadable.status


def _print(report: UsageReport, *, by: str, output: str, quiet: bool) -> None:
    if output == "json":
        groups = [{by: one.name, **_as_json(one)} for one in report.groups]
        click.echo(json.dumps({"groups": groups, "total": _as_json(report.total)}, indent=2))
        return
    heading = (by.upper(), "SNAPSHOTS", "RAW", "DISTINCT", "STORED", "SHARE", "OWN")
    letters = ID_DIGITS if by == "snapshot" else NAME_LETTERS
    click.echo(table([heading, *(_as_row(one, letters) for one in (*report.groups, report.total))]))
    if not quiet and report.total.raw > report.total.stored > 0:
        times = report.total.raw / report.total.stored
        click.echo(f"stored once and compressed: {times:.1f} times smaller than the snapshots one by one", err=True)


def _write_page(path: Path, report: UsageReport, *, by: str, repo: str, now: datetime) -> None:
    from holdfast import __version__
    from holdfast.report.measured import usage_of
    from holdfast.report.usage import usage_page
    from holdfast.report.write import replace_file

    usage = usage_of(report.groups, report.total, report.additions, by=by)
    page = usage_page(usage, repository=repo, time=shown_time(now), holdfast=__version__)
    replace_file(path, page.encode())


def _as_row(one: Usage, letters: int) -> tuple[str, ...]:
    sizes = (one.raw, one.distinct, one.stored, one.share, one.own)
    return (one.name[:letters], str(one.snapshots), *(shown_size(size) for size in sizes))


def _as_json(one: Usage) -> dict[str, object]:
    return {
        "snapshots": one.snapshots,
        "raw": one.raw,
        "distinct": one.distinct,
        "stored": round(one.stored),
        "share": round(one.share),
        "own": round(one.own),
    }
