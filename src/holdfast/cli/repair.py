"""`holdfast repair --repo REPO`: bring back what `verify` finds damaged."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from holdfast.cli.keys import GivenKeys
from holdfast.cli.progress import CountLine
from holdfast.cli.prune import this_process
from holdfast.cli.repository import opened, reads_repository
from holdfast.cli.text import json_path, shown_count, shown_path, shown_size
from holdfast.cli.verify import damage_as_json, damage_lines
from holdfast.errors import ExitStatus, InvalidRequest

if TYPE_CHECKING:
    from holdfast.backup.drop_lost import Dropped
    from holdfast.backup.repair import RepairReport
    from holdfast.backup.replica import Replica
    from holdfast.backup.repository import Repository
    from holdfast.backup.sources import Source
    from holdfast.backup.verify import Damage


@click.command("repair")
@reads_repository
@click.option("--replica", "copy", metavar="REPO", help="A copy of the repository to take what is damaged from.")
@click.option(
    "--source", "sources", multiple=True, metavar="PATH", help="What was backed up, to be read again; may be repeated."
)
@click.option("--apply", "apply_", is_flag=True, help="Heal; without it, only show what is damaged and what heals it.")
@click.option(
    "--without-lost",
    is_flag=True,
    help="With --apply: replace snapshots that lack something for good by copies that say so.",
)
def command(
    repo: str,
    keys: GivenKeys,
    output: str,
    quiet: bool,
    copy: str | None,
    sources: tuple[str, ...],
    apply_: bool,
    without_lost: bool,
) -> int:
    """Heal damage from a replica, or by reading the source again. Reads every byte of the repository.

    Nothing is replaced: what is whole is copied out of damaged packs, and the next prune deletes those. Exit status:
    0 nothing is damaged (any more); 1 something is, and stdout says what; 6 a prune is at work.
    """
    if without_lost and not apply_:
        raise InvalidRequest("--without-lost changes snapshots; add --apply")
    if copy is not None and apply_:
        _mend_keys(repo, copy, quiet)
    with opened(repo, keys, to_rebuild=apply_) as repository, _replica(repository, copy) as replica:
        if apply_:
            return _apply(repository, replica, _source(sources), without_lost, output, quiet)
        return _plan(repository, replica, output, quiet)


def _mend_keys(repo: str, copy: str, quiet: bool) -> None:
    from holdfast.backup.mend_keys import mend_keys
    from holdfast.backup.stores.open import objects_of

    with objects_of(copy) as (theirs, _), objects_of(repo, to_mend=True) as (ours, _):
        for key in mend_keys(ours, theirs):
            if not quiet:
                click.echo(f"brought back {key}", err=True)


@contextmanager
def _replica(repository: Repository, copy: str | None) -> Iterator[Replica | None]:
    from holdfast.backup.replica import Replica
    from holdfast.backup.stores.open import objects_of

    if copy is None:
        yield None
        return
    with objects_of(copy) as (objects, _):
        yield Replica(repository, objects)


def _source(paths: tuple[str, ...]) -> Source | None:
    from holdfast.backup.sources.directory import DirectorySource

    if not paths:
        return None
    source = DirectorySource([os.fsencode(path) for path in paths])
    source.check()
    return source


def _plan(repository: Repository, replica: Replica | None, output: str, quiet: bool) -> int:
    from holdfast.backup.verify import verify

    line = CountLine(quiet=quiet)
    try:
        report = verify(repository, read_data=True, progress=line.show)
        in_replica = {damage.object for damage in report.damage if replica and replica.has(damage)}
    finally:
        line.clear()
    if output == "json":
        damage = [{**damage_as_json(one), "in_replica": one.object in in_replica} for one in report.damage]
        click.echo(json.dumps({"ok": report.ok, "applied": False, "damage": damage}, indent=2))
    else:
        for one in report.damage:
            click.echo("\n".join([*damage_lines(one), *_remedy(one, replica is not None, one.object in in_replica)]))
        click.echo(f"{shown_count(len(report.damage), 'object')} damaged" if report.damage else "nothing is wrong")
        if report.damage and not quiet:
            click.echo("nothing was changed; add --apply to heal", err=True)
    return ExitStatus.DONE if report.ok else ExitStatus.ANSWER_IS_NO


def _remedy(damage: Damage, asked: bool, found: bool) -> list[str]:
    if damage.object.startswith("index of "):
        return ["  the catalogue will be rebuilt"]
    if not asked:
        return []
    return ["  the replica has it whole" if found else "  the replica does not have all of it"]


def _apply(
    repository: Repository,
    replica: Replica | None,
    source: Source | None,
    without_lost: bool,
    output: str,
    quiet: bool,
) -> int:
    from holdfast.backup.repair import repair

    report = repair(
        repository,
        owner=this_process(),
        replica=replica,
        source=source,
        without_lost=without_lost,
        progress=None if quiet else lambda text: click.echo(text, err=True),
    )
    click.echo(_as_json(report) if output == "json" else _as_text(report))
    return ExitStatus.DONE if report.ok else ExitStatus.ANSWER_IS_NO


def _as_text(report: RepairReport) -> str:
    lines = [line for damage in report.left.damage for line in damage_lines(damage)]
    dropped = [_dropped_line(one) for one in report.dropped]
    if report.found.ok and not report.rebuilt:
        return "nothing is wrong: nothing was changed"
    done = ("catalogue rebuilt, " if report.rebuilt else "") + (
        f"{shown_count(report.packs_evacuated, 'damaged pack')} emptied, "
        f"{shown_count(report.manifests_healed, 'manifest')} brought back, {shown_size(report.bytes_stored)} stored"
    )
    if report.ok:
        return "\n".join([*dropped, f"{'whole again' if dropped else 'healed'}: {done}"])
    rest = shown_count(len(report.left.damage), "object")
    return "\n".join(
        [*dropped, *lines, f"{rest} still damaged: {done}; try a replica, or the source, or `backup --reread`"]
    )


def _dropped_line(one: Dropped) -> str:
    if one.copy is None:
        return f"given up: {one.snapshot[:12]}, whose manifest is lost"
    paths = ", ".join(shown_path(path) for path in one.paths[:3]) + (", ..." if len(one.paths) > 3 else "")
    return f"{one.snapshot[:12]} is now {one.copy[:12]}, without {paths}"


def _as_json(report: RepairReport) -> str:
    return json.dumps(
        {
            "ok": report.ok,
            "applied": True,
            "damage": [damage_as_json(one) for one in report.found.damage],
            "left": [damage_as_json(one) for one in report.left.damage],
            "rebuilt": report.rebuilt,
            "packs_evacuated": report.packs_evacuated,
            "manifests_healed": report.manifests_healed,
            "bytes_stored": report.bytes_stored,
            "dropped": [
                {"snapshot": one.snapshot, "copy": one.copy, "paths": [json_path(path) for path in one.paths]}
                for one in report.dropped
            ],
        },
        indent=2,
    )
