"""`holdfast drill restore|region-loss|failover`: break it on purpose, and measure."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.keys import Command, GivenKeys, takes_keys
from holdfast.cli.quantity import Quantity
from holdfast.cli.repository import opened, output_option, repository_option
from holdfast.errors import ExitStatus, InvalidRequest
from holdfast.settings.quantities import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdfast.backup.ports import Record
    from holdfast.backup.targets import Target
    from holdfast.drills.measured import Drill

DURATION = Quantity("duration", parse_duration)
settings_option = click.option(
    "--settings", "file", type=click.Path(path_type=Path, dir_okay=False), help="File whose promises are judged."
)
out_option = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the measurement as JSON to this new file."
)
users_option = click.option(
    "--users", default="10", show_default=True, metavar="N|all", help="Restore the newest snapshot of so many users."
)
seed_option = click.option("--seed", default="holdfast", show_default=True, help="Fixes which users.")
target_option = click.option(
    "--target",
    type=click.Path(path_type=Path, file_okay=False),
    help="New or empty folder to restore to and keep; else a temporary one.",
)
rto_option = click.option("--rto", type=DURATION, help="Promise to judge, before that of --settings.")
rpo_option = click.option("--rpo", type=DURATION, help="Promise to judge, before that of --settings.")


def _judged(command: Command) -> Command:
    """Give a drill the options of what is promised and where the measurement goes."""
    for option in (output_option, out_option, settings_option):
        command = option(command)
    return command


def _restores(command: Command) -> Command:
    """Give a drill that restores the options of whose snapshots, where to, and its promises."""
    command = _judged(command)
    for option in (rpo_option, rto_option, target_option, seed_option, users_option, takes_keys):
        command = option(command)
    return command


@click.group("drill")
def command() -> None:
    """Break what runs, on purpose, and measure how long it takes to come back."""


@command.command("restore")
@repository_option
@_restores
def restore_command(
    repo: str,
    keys: GivenKeys,
    users: str,
    seed: str,
    target: Path | None,
    rto: timedelta | None,
    rpo: timedelta | None,
    file: Path | None,
    out: Path | None,
    output: str,
) -> int:
    """Restore the newest snapshots of some users to another place, against the clock.

    Exit status: 0 all came back, within what is promised; 1 not so.
    """
    promised = _promised(file, rto=rto, rpo=rpo)
    drill = _restored("restore", repo, keys, users, seed, target, None)
    return _tell(drill, promised, out, output)


@command.command("region-loss")
@click.option("--replica", required=True, metavar="REPO", help="The repository that survives.")
@click.option("--repo", metavar="REPO", help="The one that is lost, if it can still be asked what it acknowledged.")
@_restores
def region_loss_command(
    replica: str,
    repo: str | None,
    keys: GivenKeys,
    users: str,
    seed: str,
    target: Path | None,
    rto: timedelta | None,
    rpo: timedelta | None,
    file: Path | None,
    out: Path | None,
    output: str,
) -> int:
    """Restore from the replica alone, its catalogue rebuilt from its own packs if need be.

    Exit status: 0 all came back, within what is promised, and nothing acknowledged is missing; 1 not so.
    """
    promised = _promised(file, rto=rto, rpo=rpo)
    expected = _acknowledged(repo, keys) if repo else None
    drill = _restored("region-loss", replica, keys, users, seed, target, expected)
    return _tell(drill, promised, out, output)


@command.command("failover")
@click.option("--cluster", required=True, metavar="ID", help="Identifier of an Aurora cluster with a reader.")
@click.option("--region", help="Its region; else where AWS tools take it from.")
@click.option("--no-probe", is_flag=True, help="Do not connect to its endpoint, for want of a way to it.")
@click.option("--failover", type=DURATION, help="Promise to judge, before that of --settings.")
@click.option("--yes", is_flag=True, help="Do not ask: connections are broken.")
@_judged
def failover_command(
    cluster: str,
    region: str | None,
    no_probe: bool,
    failover: timedelta | None,
    yes: bool,
    file: Path | None,
    out: Path | None,
    output: str,
) -> int:
    """Make a cluster fail over to a reader, and measure until it answers again. Open connections break.

    Exit status: 0 within what is promised; 1 not so.
    """
    from holdfast.backup.clock import SystemClock
    from holdfast.backup.stores.aws.clients import Clients
    from holdfast.drills.aurora import AuroraCluster
    from holdfast.drills.failover import drill_failover

    promised = _promised(file, failover=failover)
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidRequest(f"failing {cluster} over breaks its connections, and nobody can be asked; give --yes")
        click.confirm(f"Fail {cluster} over now? Its connections break.", abort=True, err=True)
    clients = Clients()
    try:
        one = AuroraCluster(cluster, clients, region=region, probe=not no_probe)
        drill = drill_failover(one, clock=SystemClock(), monotonic=time.monotonic)
    finally:
        clients.close()
    return _tell(drill, promised, out, output)


def _restored(
    name: str,
    repo: str,
    keys: GivenKeys,
    users: str,
    seed: str,
    target: Path | None,
    expected: list[Record] | None,
) -> Drill:
    from random import Random

    from holdfast.backup.clock import SystemClock
    from holdfast.drills.restore import Choice, drill_restore

    choice = Choice(users=_count(users), random=Random(seed))  # noqa: S311 - a sample, repeatable
    if target is not None and target.exists() and any(target.iterdir()):
        raise InvalidRequest(f"folder {str(target)!r} is not empty; name one that is new or empty")
    with tempfile.TemporaryDirectory(prefix="holdfast-drill-") as scratch:
        return drill_restore(
            name,
            repo,
            lambda: opened(repo, keys),
            _into(target or Path(scratch)),
            choice,
            clock=SystemClock(),
            monotonic=time.monotonic,
            expected=expected,
        )


def _into(folder: Path) -> Callable[[Record], Target]:
    import os

    from holdfast.backup.targets.directory import DirectoryTarget

    return lambda record: DirectoryTarget(os.fsencode(folder / record.id))


def _acknowledged(repo: str, keys: GivenKeys) -> list[Record]:
    from holdfast.drills.restore import newest_of_each

    with opened(repo, keys) as repository:
        return newest_of_each(repository.ledger.completed())


def _count(users: str) -> int | None:
    if users == "all":
        return None
    with suppress(ValueError):
        if (count := int(users)) > 0:
            return count
    raise InvalidRequest(f"--users must be 1 or more, or all, got {users!r}")


def _promised(file: Path | None, **given: timedelta | None) -> dict[str, timedelta | None]:
    if file is None:
        return given
    from holdfast.settings.load import load_demands

    promises = load_demands(file).promises
    written = {"rpo": promises.rpo, "rto": promises.rto, "failover": promises.failover}
    return {name: value if value is not None else written[name] for name, value in given.items()}


def _tell(drill: Drill, promised: Mapping[str, timedelta | None], out: Path | None, output: str) -> int:
    from holdfast.drills.measured import as_json, held

    told = json.dumps(as_json(drill, promised), indent=2)
    if out is not None:
        _write(out, told)
    click.echo(told if output == "json" else _as_text(drill, promised))
    return ExitStatus.DONE if held(drill, promised) else ExitStatus.ANSWER_IS_NO


def _write(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise InvalidRequest(f"cannot write {str(out)!r}: {error.strerror}; name a new file") from error


def _as_text(drill: Drill, promised: Mapping[str, timedelta | None]) -> str:
    from holdfast.drills.measured import took_text, verdict
    from holdfast.settings.quantities import read_duration

    words = {True: "met", False: "NOT MET", None: "nothing promised"}
    lines = []
    for one in drill.measured:
        wanted = promised.get(one.name)
        asked = "" if wanted is None else f" of {read_duration(wanted)}"
        lines.append(f"{one.name:<9} {took_text(one.took)}{asked}: {words[verdict(one, wanted)]}")
        lines.append(f"{'':<9} {one.how}; {one.partly}")
    return "\n".join([*lines, *(f"problem   {line}" for line in drill.problems)])
