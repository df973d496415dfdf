"""`holdfast backup SOURCE... --repo REPO`: one snapshot."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from holdfast.cli.events import Reporter
from holdfast.cli.interrupts import stop_signals
from holdfast.cli.keys import GivenKeys
from holdfast.cli.repository import jobs_option, jobs_to_store, opened, reads_repository_with_events
from holdfast.cli.text import json_path, shown_count, shown_path, shown_size
from holdfast.errors import ExitStatus, InvalidRequest

if TYPE_CHECKING:
    from holdfast.backup.create_snapshot import SnapshotSummary
    from holdfast.backup.outset import Outset
    from holdfast.backup.repository import Repository
    from holdfast.backup.sources import Source
    from holdfast.backup.sources.directory import DirectorySource
    from holdfast.backup.store_tree import OnProgress, Progress
    from holdfast.cli.ahead import Counting

BUCKET = "s3://"
MOST_LOOKING_AHEAD = 2
"""Processes; each takes 52 us of CPU a folder of nine files, the backup half of that to compare it with before."""


@click.command("backup")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@reads_repository_with_events
@click.option("--tag", "tags", multiple=True, metavar="T", help="A word to find the snapshot by; may be repeated.")
@click.option("--host", help="Name of this machine in the snapshot; its host name by default.")
@click.option("--user", help="Whose snapshot it is; the user running this by default.")
@click.option(
    "--exclude", "excludes", multiple=True, metavar="P", help="Leave out, as in a .gitignore; may be repeated."
)
@click.option(
    "--exclude-file",
    "exclude_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of such patterns, one a line; may be repeated.",
)
@click.option("--exclude-caches", is_flag=True, help="Leave out what is in folders with a CACHEDIR.TAG.")
@click.option("--one-file-system", is_flag=True, help="Do not cross into other file systems.")
@click.option("--reread", is_flag=True, help="Read every file, also those that seem unchanged.")
@jobs_option
@click.option("--dry-run", is_flag=True, help="Read, compare and measure; store nothing.")
def command(
    sources: tuple[str, ...],
    repo: str,
    keys: GivenKeys,
    output: str,
    quiet: bool,
    tags: tuple[str, ...],
    host: str | None,
    user: str | None,
    excludes: tuple[str, ...],
    exclude_files: tuple[Path, ...],
    exclude_caches: bool,
    one_file_system: bool,
    reread: bool,
    jobs: int | None,
    dry_run: bool,
) -> int:
    """Store the files and folders named (or an s3://bucket/prefix) as one snapshot.

    Files unchanged since the newest snapshot of the same user, host and sources are not read again. Exit status: 0 all
    is in the snapshot; 1 the snapshot is there without what stderr names; 3 a source does not exist, or storing failed.
    """
    keys.begin(repo)
    report = Reporter(output, quiet=quiet)
    user = _this_user() if user is None else user
    host = os.uname().nodename if host is None else host
    choice = _Choice(excludes, exclude_files, exclude_caches, one_file_system)
    workers = jobs_to_store(jobs, repo)
    looking_ahead = 0 if reread or not keys.are_named else min(workers - 1, MOST_LOOKING_AHEAD)
    with _source(sources, repo, choice, looking_ahead) as source:
        from holdfast.backup.outset import OutsetAhead

        reading = OutsetAhead(user, host)
        with opened(repo, keys, needs=["holdfast.backup.create_snapshot"], ahead=reading.begin) as repository:
            summary = _stored(
                _dry(repository) if dry_run else repository,
                source,
                report,
                reading.taken(),
                user=user,
                host=host,
                reread=reread,
                tags=tags,
                jobs=workers,
            )
    _print(summary, output, quiet, dry_run)
    return ExitStatus.DONE if summary.is_complete else ExitStatus.ANSWER_IS_NO


def _stored(
    repository: Repository,
    source: Source,
    report: Reporter,
    outset: Outset | None,
    *,
    user: str,
    host: str,
    reread: bool,
    tags: tuple[str, ...],
    jobs: int,
) -> SnapshotSummary:
    """Store the source, going on where an attempt was interrupted, and tell meanwhile how far it is."""
    from holdfast.backup.create_snapshot import create_snapshot
    from holdfast.backup.resume import last_interrupted
    from holdfast.backup.sources import ReadsByPath

    resume = None if reread else last_interrupted(repository, user, host, source.paths, outset)
    before = _files_before(repository, source, user, host, outset) if report.is_on else None
    is_first = report.is_on and before is None and isinstance(source, ReadsByPath)
    try:
        with _counting(source) if is_first else nullcontext() as ahead, stop_signals() as is_stopped:
            return create_snapshot(
                repository,
                source,
                user=user,
                host=host,
                tags=tags,
                progress=_progress(report, before, ahead, is_resumed=resume is not None),
                reread=reread,
                resume=resume,
                jobs=jobs,
                is_stopped=is_stopped,
                outset=outset,
            )
    finally:
        report.clear()


def _progress(report: Reporter, before: int | None, ahead: Counting | None, *, is_resumed: bool) -> OnProgress | None:
    """Return what tells how far it is: by the files of the snapshot before, else by what is counted meanwhile."""

    def tell(at: Progress) -> None:
        done, of = at.files, before
        if counted := ahead.result() if ahead else None:  # what is resumed is not read again
            done, of = (at.files, counted.files) if is_resumed else (at.bytes_read, counted.size)
        report.progress(at.files, at.bytes_read, at.path, done=done, of=of)

    return tell if report.is_on else None


def _dry(repository: Repository) -> Repository:
    from holdfast.backup.dry_run import dry

    return dry(repository)


def _counting(source: Source) -> AbstractContextManager[Counting | None]:
    from holdfast.cli.ahead import counting

    return counting(source)


def _this_user() -> str:
    """Return the name of the user running this, or the number of one without a name, as in many containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _files_before(repository: Repository, source: Source, user: str, host: str, outset: Outset | None) -> int | None:
    """Return how many files the snapshot before this one has: about as many as are to be looked at."""
    from holdfast.backup.snapshots import find_parent

    parent = find_parent(repository, user, host, source.paths, outset)
    return parent.counts.get("files") if parent else None


class _Choice(NamedTuple):
    """What of the sources is left out."""

    patterns: tuple[str, ...]
    files: tuple[Path, ...]
    caches: bool
    one_file_system: bool

    @property
    def is_all(self) -> bool:
        """Whether nothing is."""
        return not (self.patterns or self.files or self.caches or self.one_file_system)


@contextmanager
def _source(paths: tuple[str, ...], repo: str, choice: _Choice, looking_ahead: int) -> Iterator[Source]:
    """Give what is backed up, once it is known to exist, with so many processes looking at it ahead."""
    if not any(path.startswith(BUCKET) for path in paths):
        directories = _directories(paths, repo, choice)
        directories.check()
        try:
            if looking_ahead:
                directories.look_ahead(looking_ahead)
            yield directories
        finally:
            directories.close()
        return
    if len(paths) > 1 or not choice.is_all:
        raise InvalidRequest("an s3://bucket/prefix is backed up alone, without --exclude... and --one-file-system")
    from holdfast.backup.sources.s3 import S3Source
    from holdfast.backup.stores.aws.clients import Clients
    from holdfast.backup.targets.s3 import parse_uri

    clients = Clients()
    try:
        source = S3Source(clients.s3(), *parse_uri(paths[0]))
        source.check()
        yield source
    finally:
        clients.close()


def _directories(paths: tuple[str, ...], repo: str, choice: _Choice) -> DirectorySource:
    from holdfast.backup.sources.directory import DirectorySource
    from holdfast.backup.sources.exclude import Exclude, read_patterns

    if "" in paths:  # as `backup "$DIR"` has it where DIR is not set
        raise InvalidRequest("a source has an empty name; name a file or folder, `.` for this one")
    patterns = [pattern for file in choice.files for pattern in read_patterns(file)]
    return DirectorySource(
        [os.fsencode(path) for path in paths],
        exclude=Exclude([*patterns, *(os.fsencode(pattern) for pattern in choice.patterns)]),
        one_file_system=choice.one_file_system,
        exclude_caches=choice.caches,
        avoid=_identity(repo),
    )


def _identity(repo: str) -> list[tuple[int, int]]:
    """Return the repository's own folder, which must not be backed up into itself."""
    try:
        status = Path(repo).stat()
    except (OSError, ValueError):
        return []
    return [(status.st_dev, status.st_ino)]


FIGURES = ("files", "bytes_read", "bytes_added", "bytes_stored", "files_unchanged", "seconds")


def _print(summary: SnapshotSummary, output: str, quiet: bool, dry_run: bool) -> None:
    _print_skipped(summary, quiet)
    figures = {name: getattr(summary, name) for name in FIGURES}
    result = {"dry_run": True, **figures} if dry_run else {"snapshot": summary.snapshot, **figures}
    if output == "events":
        for skipped in summary.skipped:
            click.echo(json.dumps({"event": "skipped", "path": json_path(skipped.path), "reason": skipped.reason}))
        for warning in summary.warnings:
            click.echo(json.dumps({"event": "warning", "text": warning}))
        click.echo(json.dumps({"event": "summary", **result, "complete": summary.is_complete}))
        return
    if output == "json":
        click.echo(json.dumps(result, indent=2))
        return
    what = "dry run, nothing is stored" if dry_run else f"snapshot {summary.snapshot[:12]}"
    what += "" if summary.is_complete else " (incomplete)"
    click.echo(
        f"{what}: {shown_count(summary.files, 'file')}, "
        f"{summary.files_unchanged} unchanged, {shown_size(summary.bytes_read)} read, "
        f"{shown_size(summary.bytes_added)} new, {shown_size(summary.bytes_stored)} stored in {summary.seconds:.1f} s"
    )


def _print_skipped(summary: SnapshotSummary, quiet: bool) -> None:
    for skipped in summary.skipped:
        click.echo(f"skipped: {shown_path(skipped.path)}: {skipped.reason}", err=True)
    if summary.skipped_count > len(summary.skipped):
        click.echo(f"skipped: {summary.skipped_count - len(summary.skipped)} more", err=True)
    if not quiet:
        for warning in summary.warnings:
            click.echo(f"warning: {warning}", err=True)
