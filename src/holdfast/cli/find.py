"""`holdfast find PATTERN --repo REPO`: in which snapshots is it?"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from holdfast.cli.keys import GivenKeys
from holdfast.cli.repository import opened, reads_repository
from holdfast.cli.text import json_path, shown_count, shown_entry
from holdfast.cli.unreadable import Unreadable
from holdfast.errors import ExitStatus

if TYPE_CHECKING:
    from holdfast.backup.find import Found


@click.command("find")
@click.argument("pattern", metavar="PATTERN")
@reads_repository
@click.option("--snapshot", help="Only in this one: `latest` or the start of an id.")
@click.option("--user", help="Only in snapshots of this user.")
@click.option("--host", help="Only in snapshots of this host.")
def command(
    pattern: str,
    repo: str,
    keys: GivenKeys,
    output: str,
    quiet: bool,
    snapshot: str | None,
    user: str | None,
    host: str | None,
) -> int:
    """Find files and folders by name, as in --exclude: `*.pdf`, `photos/2024/**`; each version is one line.

    Exit status: 0 something matches; 1 nothing does, or stderr names a snapshot that is damaged.
    """
    from holdfast.backup.find import find
    from holdfast.backup.manifest import load_manifest
    from holdfast.backup.reader import ChunkReader
    from holdfast.backup.snapshots import list_snapshots, resolve, unless_forgotten

    unreadable = Unreadable()
    with opened(repo, keys) as repository:
        if snapshot is not None:
            manifests = [load_manifest(repository, resolve(repository, snapshot))]
        else:
            listed = list_snapshots(repository, on_damage=unreadable, user=user, host=host)
            manifests = [one.manifest for one in listed]
        told = unless_forgotten(repository, unreadable)
        found = find(ChunkReader(repository), manifests, os.fsencode(pattern), told)
    if output == "json":
        click.echo(json.dumps([_as_json(one) for one in found], indent=2))
    else:
        for one in found:
            click.echo(f"{shown_entry(one.entry, one.path)}  in {_where(one)}")
        if not quiet:
            click.echo(f"{shown_count(len(found), 'version')} in {shown_count(len(manifests), 'snapshot')}", err=True)
    return unreadable.status if found else ExitStatus.ANSWER_IS_NO


def _where(one: Found) -> str:
    newest = one.snapshots[0][:12]
    return newest if len(one.snapshots) == 1 else f"{len(one.snapshots)} snapshots, newest {newest}"


def _as_json(one: Found) -> dict[str, object]:
    entry = one.entry
    return {
        "path": json_path(one.path),
        "kind": entry.kind.value,
        "size": entry.size,
        "mtime_ns": entry.mtime_ns,
        "snapshots": one.snapshots,
    }
