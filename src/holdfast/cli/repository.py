"""What the verbs of the engine share: which repository, opened with which keys, printed how."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from holdfast.backup.stores.in_aws import is_in_aws
from holdfast.cli.keys import Command, GivenKeys, takes_keys
from holdfast.errors import InvalidRequest

if TYPE_CHECKING:
    from holdfast.backup.ports import KeyProvider
    from holdfast.backup.repository import Repository
    from holdfast.backup.stores.open import Ahead, Keys


def repository_named(given: str | None, how: str = "--repo REPO") -> str:
    """Return the repository: the one that is given, else that of HOLDFAST_REPO.

    Raises:
        InvalidRequest: neither names one; `how` says how to.
    """
    from holdfast.settings.environment import REPOSITORY, process_environment, repository_name

    found = repository_name(process_environment()) if given is None else given
    if not found:
        raise InvalidRequest(f"no repository: give {how}, or set {REPOSITORY}")
    return found


repository_option = click.option(
    "--repo",
    metavar="REPO",
    callback=lambda _context, _parameter, flag: repository_named(flag),
    help="A folder, s3://bucket/prefix or vault:STACK; else HOLDFAST_REPO.",
)
repository_argument = click.argument(
    "repo",
    metavar="[REPO]",
    required=False,
    callback=lambda _context, _parameter, given: repository_named(given, "REPO"),
)
output_option = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
events_option = click.option(
    "--output",
    type=click.Choice(["text", "json", "events"]),
    default="text",
    show_default=True,
    help="events: a JSON object a line while it runs, the summary last.",
)
quiet_option = click.option("--quiet", is_flag=True, help="No messages and no progress on stderr.")

MOST_JOBS = 256
"""Each is waited for with select(), which takes descriptors up to 1,023."""
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, MOST_JOBS),
    metavar="N",
    help="Worker processes for much data; one a core by default.",
)


def jobs_for(jobs: int | None) -> int:
    """Return how many worker processes to use: what was asked for, else one for each core this process may use."""
    return min(len(os.sched_getaffinity(0)), MOST_JOBS) if jobs is None else jobs


def jobs_to_store(jobs: int | None, repo: str) -> int:
    """Return how many to store with: one less in AWS, where sending takes a share of a core and of memory too."""
    found = jobs_for(jobs)
    return max(found - 1, 2) if jobs is None and found > 2 and is_in_aws(repo) else found


def reads_repository(command: Command) -> Command:
    """Give a command the options of every verb that opens a repository."""
    for option in (quiet_option, output_option, takes_keys, repository_option):
        command = option(command)
    return command


def reads_repository_with_events(command: Command) -> Command:
    """As `reads_repository`, for a verb that can tell how far it is."""
    for option in (quiet_option, events_option, takes_keys, repository_option):
        command = option(command)
    return command


def keys_for(repo: str, given: GivenKeys) -> Keys:
    """Return what gives the keys of a repository; in AWS those that are named, beside the KMS key."""
    return given.at_hand if is_in_aws(repo) else given.needed


def keys_to_create(repo: str, given: GivenKeys) -> Keys:
    """Return what gives the keys of a repository to be made; in AWS beside the KMS key, if one is named."""
    return lambda: given.to_create(ask=not is_in_aws(repo))


@contextmanager
def opened(
    repo: str,
    given: GivenKeys,
    *,
    to_rebuild: bool = False,
    needs: Sequence[str] = (),
    ahead: Ahead | None = None,
) -> Iterator[Repository]:
    """Open the repository for one command; whether it exists is told before a password is asked for.

    The modules that the command `needs` next are loaded while a password is stretched, which takes longer. In AWS
    `ahead` may ask for something meanwhile.
    """
    from holdfast.backup.clock import SystemClock
    from holdfast.backup.stores import open as stores

    given.begin(repo)
    keys = keys_for(repo, given)

    def keys_when_loaded() -> Sequence[KeyProvider]:
        found = keys()
        for name in needs:
            importlib.import_module(name)
        return found

    opening = stores.opened(repo, keys_when_loaded, clock=SystemClock(), to_rebuild=to_rebuild, ahead=ahead)
    with closing(given), opening as repository:
        yield repository
