"""`holdfast diff`: two snapshots of a repository, or a platform against what is deployed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from holdfast.cli.keys import GivenKeys, takes_keys
from holdfast.cli.repository import opened, repository_named
from holdfast.cli.stacks import parameter_option, quiet_option, target, touches_stacks
from holdfast.cli.text import json_path, shown_path
from holdfast.errors import ExitStatus, InvalidRequest


@click.command("diff")
@click.argument("before", metavar="[A]", required=False)
@click.argument("after", metavar="[B]", required=False)
@click.option("--repo", metavar="REPO", help="Compare two snapshots of this repository; else of HOLDFAST_REPO.")
@takes_keys
@touches_stacks
@quiet_option
@parameter_option
def command(
    before: str | None,
    after: str | None,
    repo: str | None,
    keys: GivenKeys,
    file: Path | None,
    platform: str | None,
    environment: str | None,
    embedded: bool,
    output: str,
    quiet: bool,
    parameters: tuple[str, ...],
) -> ExitStatus:
    """Compare two snapshots, from A to B; each is `latest` or the start of an id.

    A line per path: + added, - removed, M content changed, U only metadata changed, T became another kind of thing.

    Without A and B, compare a platform's settings with its deployed stacks: what `holdfast deploy` would change.

    A line per resource: + added, - removed, ~ changed (with the properties), < taken over.
    """
    if repo is not None or before is not None:
        if before is None or after is None:
            raise InvalidRequest("holdfast diff --repo takes two snapshots: A and B")
        _snapshots(before, after, repository_named(repo), keys, output, quiet)
    else:
        _stacks(file, platform, environment, embedded=embedded, output=output, parameters=parameters)
    return ExitStatus.DONE


def _stacks(
    file: Path | None,
    platform: str | None,
    environment: str | None,
    *,
    embedded: bool,
    output: str,
    parameters: Sequence[str],
) -> None:
    from holdfast.cli import differences
    from holdfast.stacks.compare import compare

    with target(file, platform, environment, embedded=embedded, parameters=parameters) as found:
        told = compare(found.cloud, found.stacks)
    click.echo(json.dumps(differences.rows(told), indent=2) if output == "json" else differences.text(told))


def _snapshots(before: str, after: str, repo: str, keys: GivenKeys, output: str, quiet: bool) -> None:
    from holdfast.backup.diff import diff
    from holdfast.backup.manifest import load_manifest
    from holdfast.backup.reader import ChunkReader
    from holdfast.backup.snapshots import resolve

    counts: dict[str, int] = {}
    rows = []
    with opened(repo, keys) as repository:
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
