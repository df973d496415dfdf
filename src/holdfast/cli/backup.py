"""`holdfast backup SOURCE... --repo REPO`: one snapshot."""

from __future__ import annotations

import json
import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.progress import ProgressLine
from holdfast.cli.repository import jobs_for, jobs_option, opened, reads_repository
from holdfast.cli.text import shown_count, shown_path, shown_size
from holdfast.errors import ExitStatus, InvalidRequest

if TYPE_CHECKING:
    from holdfast.backup.create_snapshot import SnapshotSummary
    from holdfast.backup.sources import Source

BUCKET = "s3://"


@click.command("backup")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@reads_repository
@click.option("--tag", "tags", multiple=True, metavar="T", help="A word to find the snapshot by; may be repeated.")
@click.option("--host", help="Name of this machine in the snapshot; its host name by default.")
@click.option("--user", help="Whose snapshot it is; the user running this by default.")
@click.option(
    "--exclude", "excludes", multiple=True, metavar="P", help="Leave out, as in a .gitignore; may be repeated."
)
@click.option("--one-file-system", is_flag=True, help="Do not cross into other file systems.")
@click.option("--reread", is_flag=True, help="Read every file, also those that seem unchanged.")
@jobs_option
def command(
    sources: tuple[str, ...],
    repo: str,
    password_file: Path | None,
    output: str,
    quiet: bool,
    tags: tuple[str, ...],
    host: str | None,
    user: str | None,
    excludes: tuple[str, ...],
    one_file_system: bool,
    reread: bool,
    jobs: int | None,
) -> int:
    """Store the files and folders named (or an s3://bucket/prefix) as one snapshot.

    Files unchanged since the newest snapshot of the same user, host and sources are not read again. Exit status: 0 all
    is in the snapshot; 1 the snapshot is there without what stderr names; 3 a source does not exist, or storing failed.
    """
    from holdfast.backup.create_snapshot import create_snapshot

    line = ProgressLine(quiet=quiet)
    with _source(sources, repo, excludes, one_file_system) as source:
        source.check()  # before a password is asked for
        with opened(repo, password_file) as repository:
            try:
                summary = create_snapshot(
                    repository,
                    source,
                    user=pwd.getpwuid(os.getuid()).pw_name if user is None else user,
                    host=socket.gethostname() if host is None else host,
                    tags=tags,
                    progress=(lambda at: line.show(at.files, at.bytes_read, at.path)) if line.is_on else None,
                    reread=reread,
                    jobs=jobs_for(repo, jobs),
                )
            finally:
                line.clear()
    _print(summary, output, quiet)
    return ExitStatus.DONE if summary.is_complete else ExitStatus.ANSWER_IS_NO


@contextmanager
def _source(paths: tuple[str, ...], repo: str, excludes: tuple[str, ...], one_file_system: bool) -> Iterator[Source]:
    if not any(path.startswith(BUCKET) for path in paths):
        yield _directories(paths, repo, excludes, one_file_system)
        return
    if len(paths) > 1 or excludes or one_file_system:
        raise InvalidRequest("an s3://bucket/prefix is backed up alone, without --exclude and --one-file-system")
    from holdfast.backup.sources.s3 import S3Source
    from holdfast.backup.stores.aws.clients import Clients
    from holdfast.backup.targets.s3 import parse_uri

    clients = Clients()
    try:
        yield S3Source(clients.s3(), *parse_uri(paths[0]))
    finally:
        clients.close()


def _directories(paths: tuple[str, ...], repo: str, excludes: tuple[str, ...], one_file_system: bool) -> Source:
    from holdfast.backup.sources.directory import DirectorySource
    from holdfast.backup.sources.exclude import Exclude

    return DirectorySource(
        [os.fsencode(path) for path in paths],
        exclude=Exclude(os.fsencode(pattern) for pattern in excludes),
        one_file_system=one_file_system,
        avoid=_identity(repo),
    )


def _identity(repo: str) -> list[tuple[int, int]]:
    """Return the repository's own folder, which must not be backed up into itself."""
    try:
        status = Path(repo).stat()
    except (OSError, ValueError):
        return []
    return [(status.st_dev, status.st_ino)]


def _print(summary: SnapshotSummary, output: str, quiet: bool) -> None:
    for skipped in summary.skipped:
        click.echo(f"skipped: {shown_path(skipped.path)}: {skipped.reason}", err=True)
    if summary.skipped_count > len(summary.skipped):
        click.echo(f"skipped: {summary.skipped_count - len(summary.skipped)} more", err=True)
    if not quiet:
        for warning in summary.warnings:
            click.echo(f"warning: {warning}", err=True)
    if output == "json":
        names = ("snapshot", "files", "bytes_read", "bytes_added", "bytes_stored", "files_unchanged", "seconds")
        click.echo(json.dumps({name: getattr(summary, name) for name in names}, indent=2))
        return
    click.echo(
        f"snapshot {summary.snapshot[:12]}: {shown_count(summary.files, 'file')}, "
        f"{summary.files_unchanged} unchanged, {shown_size(summary.bytes_read)} read, "
        f"{shown_size(summary.bytes_added)} new, {shown_size(summary.bytes_stored)} stored in {summary.seconds:.1f} s"
    )
