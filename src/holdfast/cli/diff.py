"""`holdfast diff A B`: what changed between two snapshots."""

from __future__ import annotations

import json
from pathlib import Path

import click

from holdfast.cli.repository import opened, reads_repository
from holdfast.cli.text import json_path, shown_path


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@reads_repository
def command(before: str, after: str, repo: str, password_file: Path | None, output: str, quiet: bool) -> None:
    """Compare two snapshots, from A to B; each is `latest` or the start of an id.

    A line per path: + added, - removed, M content changed, U only metadata changed, T became another kind of thing.
    """
    from holdfast.backup.diff import diff
    from holdfast.backup.manifest import load_manifest
    from holdfast.backup.reader import ChunkReader
    from holdfast.backup.snapshots import resolve

    counts: dict[str, int] = {}
    rows = []
    with opened(repo, password_file) as repository:
        manifests = [load_manifest(repository, resolve(repository, name)) for name in (before, after)]
        for one in diff(ChunkReader(repository), *manifests):
            counts[one.change.name.lower()] = counts.get(one.change.name.lower(), 0) + 1
            if output == "text":
                click.echo(f"{one.change.value} {shown_path(one.path)}")
            else:
                rows.append({"change": one.change.name.lower(), "path": json_path(one.path)})
    if output == "json":
        click.echo(json.dumps({"before": manifests[0].id, "after": manifests[1].id, "differences": rows}, indent=2))
    elif not quiet:
        summary = ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "no difference"
        click.echo(summary, err=True)
