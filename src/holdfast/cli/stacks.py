"""What the verbs that touch an account share: where to, which stacks, and a line on stderr for each resource."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from holdfast.cli.chosen import chooses_settings, settings_of
from holdfast.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from holdfast.settings.platform import PlatformSettings
    from holdfast.stacks.assembly import Stack
    from holdfast.stacks.cloud import Cloud
    from holdfast.stacks.follow import StackEvent

Command = TypeVar("Command", bound=Callable[..., Any])
embedded_option = click.option(
    "--embedded", is_flag=True, help="The embedded AWS of this machine, which lives from deploy to destroy."
)
output_option = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
quiet_option = click.option("--quiet", is_flag=True, help="No progress and no messages on stderr.")
parameter_option = click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="KEY=VALUE",
    help="A template parameter's value; repeatable.",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def touches_stacks(command: Command) -> Command:
    """Give a command the options of every verb that works on a platform's stacks."""
    for option in (output_option, embedded_option):
        command = option(command)
    return chooses_settings(command)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A platform's stacks, ready to deploy, and the account they belong in."""

    settings: PlatformSettings
    cloud: Cloud
    stacks: list[Stack]
    embedded: bool

    @property
    def where(self) -> str:
        """Return the account in words."""
        return "the embedded AWS" if self.embedded else f"account {self.cloud.account}"


@contextmanager
def target(
    file: Path | None,
    platform: str | None,
    environment: str | None,
    *,
    embedded: bool,
    start: bool = False,
    parameters: Sequence[str] = (),
) -> Iterator[Target]:
    """Synthesize into a folder that is gone after the block, for the account that the options name.

    Args:
        start: start the embedded AWS if it does not run.
    Raises:
        NotFound: no embedded AWS runs. InvalidRequest: bad settings, or the credentials are another account's.
    """
    from holdfast.platforms import synthesize
    from holdfast.settings.environment import process_environment, synth_folder
    from holdfast.stacks.assembly import read_assembly

    settings = settings_of(file, platform, environment)
    cloud = _embedded(start=start) if embedded else _aws(settings)
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        cache = synth_folder(process_environment())
        synthesize(settings, out=Path(folder), native=embedded, cache=cache)
        stacks = read_assembly(Path(folder), account=cloud.account, default_region=settings.region)
        stacks = _with_parameters(stacks, parameters)
        yield Target(settings=settings, cloud=cloud, stacks=stacks, embedded=embedded)


def _with_parameters(stacks: list[Stack], written: Sequence[str]) -> list[Stack]:
    given = {name: value for name, _, value in (one.partition("=") for one in written)}
    asked = {name for stack in stacks for name in stack.template.get("Parameters", {})}
    for name in given:
        if name not in asked:
            raise InvalidRequest(f"no stack has a parameter {name!r}; there are: {', '.join(sorted(asked)) or 'none'}")
    return [stack.with_parameters(given) for stack in stacks]


def embedded_folder() -> Path:
    """Return the folder of this user's embedded AWS."""
    from holdfast.settings.environment import process_environment, state_folder

    return state_folder(process_environment()) / "embedded"


def _embedded(*, start: bool) -> Cloud:
    from holdfast.rehearsal.embedded import kept

    cloud = kept.started(embedded_folder()) if start else kept.found(embedded_folder())
    if cloud is None:
        raise NotFound("no embedded AWS runs: `holdfast deploy --embedded` starts one")
    return cloud


def _aws(settings: PlatformSettings) -> Cloud:
    from holdfast.stacks.cloud import Aws

    cloud = Aws()
    if settings.account and settings.account != cloud.account:
        raise InvalidRequest(f"settings name account {settings.account}, the credentials are of {cloud.account}")
    return cloud


class Lines:
    """Tells each resource once it is settled: `[done/total] stack logical id: status`."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def __call__(self, event: StackEvent) -> None:
        """Print the event if its resource has come to rest."""
        if self._quiet or event.status.endswith("_IN_PROGRESS") or event.logical_id == event.stack:
            return
        reason = f": {event.reason}" if event.reason and "FAILED" in event.status else ""
        told = f"{event.stack} {event.logical_id} ({event.resource_type}) {event.status}{reason}"
        click.echo(f"[{event.done}/{event.total}] {told}", err=True)


def agreed(question: str, *, yes: bool) -> bool:
    """Ask, unless `yes`; without a terminal there is nobody to ask.

    Raises:
        InvalidRequest: no terminal and no --yes.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise InvalidRequest(f"{question} there is no terminal to ask on: give --yes")
    return click.confirm(question, err=True)
