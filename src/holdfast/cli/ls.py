"""`holdfast ls SNAPSHOT[:PATH]`: what a snapshot holds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.keys import GivenKeys
from holdfast.cli.repository import opened, reads_repository
from holdfast.cli.text import json_path, shown_count, shown_entry, shown_path
from holdfast.cli.unreadable import Unreadable

if TYPE_CHECKING:
    from holdfast.backup.locate import Located


@click.command("ls")
@click.argument("snapshot", metavar="SNAPSHOT[:PATH]")
@click.option("-l", "--long", is_flag=True, help="Mode, owner, size and time of each.")
@reads_repository
def command(snapshot: str, long: bool, repo: str, keys: GivenKeys, output: str, quiet: bool) -> int:
    """List a snapshot, or what is at PATH in it. SNAPSHOT is `latest` or the start of an id.

    PATH is as it was backed up, or below the source if there was a single one. Control characters and bytes that are
    not UTF-8 are shown as \\xNN; JSON holds the very names, surrogate-escaped. Exit status: 0 all of it; 1 without what
    cannot be read, as stderr says.
    """
    from holdfast.backup.locate import list_below
    from holdfast.backup.manifest import load_manifest
    from holdfast.backup.reader import ChunkReader
    from holdfast.backup.snapshots import resolve

    name, _, path = snapshot.partition(":")
    unreadable = Unreadable()
    with opened(repo, keys) as repository:
        manifest = load_manifest(repository, resolve(repository, name))
        below = os.fsencode(path) if path else None
        found = list_below(ChunkReader(repository), manifest, below, lambda _, error: unreadable(manifest.id, error))
        count = _print_json(found) if output == "json" else _print_text(found, long)
    if not quiet:
        click.echo(shown_count(count, "entry", "entries"), err=True)
    return unreadable.status


def _print_text(found: Iterator[Located], long: bool) -> int:
    count = 0
    for one in found:
        click.echo(shown_entry(one.entry, one.path) if long else shown_path(one.path))
        count += 1
    return count


def _print_json(found: Iterator[Located]) -> int:
    """Print a list as it is found: a snapshot may hold millions."""
    count = 0
    click.echo("[", nl=False)
    for count, one in enumerate(found, 1):
        click.echo(("," if count > 1 else "") + "\n  " + json.dumps(_as_json(one)), nl=False)
    click.echo("\n]")
    return count


def _as_json(one: Located) -> dict[str, Any]:
    entry = one.entry
    return {
        "path": json_path(one.path),
        "kind": entry.kind.name.lower(),
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "user": json_path(entry.user),
        "group": json_path(entry.group),
        "size": entry.size,
        "mtime_ns": entry.mtime_ns,
        "target": json_path(entry.target) or None,
    }
