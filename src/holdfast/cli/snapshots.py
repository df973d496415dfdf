"""`holdfast snapshots`: what can be restored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.keys import GivenKeys
from holdfast.cli.repository import opened, reads_repository
from holdfast.cli.text import json_path, shown_count, shown_path, shown_size, shown_time, table
from holdfast.cli.unreadable import Unreadable

if TYPE_CHECKING:
    from holdfast.backup.snapshots import Snapshot


@click.command("snapshots")
@reads_repository
@click.option("--user", help="Only of this user.")
@click.option("--host", help="Only of this host.")
@click.option("--tag", help="Only with this tag.")
def command(
    repo: str,
    keys: GivenKeys,
    output: str,
    quiet: bool,
    user: str | None,
    host: str | None,
    tag: str | None,
) -> int:
    """List the snapshots, newest first. Exit status: 0 all of them; 1 without what stderr names, which is damaged."""
    from holdfast.backup.snapshots import list_snapshots

    unreadable = Unreadable()
    with opened(repo, keys) as repository:
        found = list(list_snapshots(repository, on_damage=unreadable, user=user, host=host, tag=tag))
    if output == "json":
        click.echo(json.dumps([_as_json(one) for one in found], indent=2))
        return unreadable.status
    heading = ("SNAPSHOT", "TIME", "USER", "HOST", "FILES", "SIZE", "TAGS", "SOURCES")
    if found:
        click.echo(table([heading, *(_as_row(one) for one in found)]))
    if not quiet:
        click.echo(shown_count(len(found), "snapshot"), err=True)
    return unreadable.status


def _as_row(one: Snapshot) -> tuple[str, ...]:
    manifest = one.manifest
    return (
        manifest.id[:12],
        shown_time(manifest.time),
        manifest.user,
        manifest.host,
        str(manifest.counts.get("files", 0)),
        shown_size(manifest.counts.get("size", 0)),
        ",".join(manifest.tags) or "-",
        " ".join(shown_path(source.path) for source in manifest.sources)
        + ("" if manifest.is_complete else "  (incomplete)"),
    )


def _as_json(one: Snapshot) -> dict[str, Any]:
    manifest = one.manifest
    return {
        "snapshot": manifest.id,
        "time": manifest.time.isoformat(),
        "user": manifest.user,
        "host": manifest.host,
        "tags": list(manifest.tags),
        "sources": [json_path(source.path) for source in manifest.sources],
        "complete": manifest.is_complete,
        "counts": dict(manifest.counts),
    }
