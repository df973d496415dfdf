"""What the verbs of the engine share: which repository, opened with which password, printed how."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from holdfast.errors import InvalidRequest

if TYPE_CHECKING:
    from holdfast.backup.ports import KeyProvider
    from holdfast.backup.repository import Repository
    from holdfast.backup.stores.open import Keys

Command = TypeVar("Command", bound=Callable[..., Any])
MAX_PASSWORD_BYTES = 64 * 1024

repository_option = click.option(
    "--repo", required=True, metavar="REPO", help="A folder, s3://bucket/prefix or vault:STACK."
)
password_option = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the password; else HOLDFAST_PASSWORD, else a prompt.",
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

jobs_option = click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes for much data; one a core by default."
)


def jobs_for(repo: str, jobs: int | None) -> int:
    """Return how many worker processes to use: what was asked for, else one for each core this process may use.

    One for a repository in AWS: a connection cannot be shared with a forked process.
    """
    from holdfast.backup.stores.open import is_in_aws

    if is_in_aws(repo):
        return 1
    return len(os.sched_getaffinity(0)) if jobs is None else jobs


def reads_repository(command: Command) -> Command:
    """Give a command the options of every verb that opens a repository."""
    for option in (quiet_option, output_option, password_option, repository_option):
        command = option(command)
    return command


def reads_repository_with_events(command: Command) -> Command:
    """As `reads_repository`, for a verb that can tell how far it is."""
    for option in (quiet_option, events_option, password_option, repository_option):
        command = option(command)
    return command


def password(file: Path | None, *, confirm: bool = False) -> str:
    """Return the password: of the file, else of HOLDFAST_PASSWORD, else typed (twice with `confirm`).

    Raises:
        InvalidRequest: there is none, or it is empty.
    """
    from holdfast.settings.environment import process_environment, repository_password

    found: str | None
    if file is not None:
        found, where = _first_line(file), f"the file {str(file)!r}"
    else:
        found, where = repository_password(process_environment()), "HOLDFAST_PASSWORD"
    if found is None:
        if not sys.stdin.isatty():
            raise InvalidRequest("no password: set HOLDFAST_PASSWORD or give --password-file")
        found = _typed("Password", confirm=confirm)
    if not found:
        raise InvalidRequest(f"the password in {where} is empty; it must have at least one character")
    return found


def _typed(prompt: str, *, confirm: bool) -> str:
    typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return typed


def _first_line(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            line = stream.read(MAX_PASSWORD_BYTES).split(b"\n")[0].removesuffix(b"\r")
        return line.decode()
    except OSError as error:
        raise InvalidRequest(f"the password file {str(file)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the password file {str(file)!r} is not UTF-8 text") from error


def new_password(file: Path | None) -> str:
    """Return a password to add, of the file or typed twice; HOLDFAST_PASSWORD is the present one."""
    if file is not None:
        return password(file)
    if not sys.stdin.isatty():
        raise InvalidRequest("no new password: give --new-password-file")
    return _typed("New password", confirm=True)


def keys_for(repo: str, file: Path | None, *, confirm: bool = False) -> Keys:
    """Return what gives the keys of a repository: its password; in AWS only if one is given, beside the KMS key."""
    from holdfast.backup.stores.open import is_in_aws
    from holdfast.settings.environment import process_environment, repository_password

    def keys() -> list[KeyProvider]:
        from holdfast.backup.key_slots import PasswordKey

        if is_in_aws(repo) and file is None and repository_password(process_environment()) is None:
            return []
        return [PasswordKey(password(file, confirm=confirm))]

    return keys


@contextmanager
def opened(
    repo: str, password_file: Path | None, *, to_rebuild: bool = False, needs: Sequence[str] = ()
) -> Iterator[Repository]:
    """Open the repository for one command; whether it exists is told before a password is asked for.

    The modules that the command `needs` next are loaded while the password is tried, which takes longer.
    """
    from holdfast.backup.clock import SystemClock
    from holdfast.backup.stores import open as stores

    keys = keys_for(repo, password_file)
    loading = threading.Thread(target=lambda: [importlib.import_module(name) for name in needs], daemon=True)

    def keys_while_loading() -> Sequence[KeyProvider]:
        found = keys()
        loading.start()  # not before: what opening itself needs is loaded by now, so the two never import the same
        return found

    with stores.opened(repo, keys_while_loading, clock=SystemClock(), to_rebuild=to_rebuild) as repository:
        if loading.ident is not None:
            loading.join()  # before anything forks
        yield repository
