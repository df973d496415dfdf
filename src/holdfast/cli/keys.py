"""The keys a command is given: a key file, a password; by flag, else by the environment, else typed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from holdfast.backup.stores.in_aws import is_in_aws
from holdfast.errors import HoldfastError, InvalidRequest

if TYPE_CHECKING:
    from holdfast.backup.derivation import Derivation
    from holdfast.backup.key_file import FileKey
    from holdfast.backup.key_slots import Begun
    from holdfast.backup.ports import KeyProvider

Command = TypeVar("Command", bound=Callable[..., Any])

MAX_PASSWORD_BYTES = 64 * 1024
NO_KEY = "no key: set HOLDFAST_PASSWORD or HOLDFAST_KEY_FILE, or give --password-file or --key-file"
NO_NEW_KEY = "no new key: give --new-password-file or --new-key-file"
FILE = click.Path(path_type=Path, dir_okay=False)

key_file_option = click.option(
    "--key-file", type=FILE, help="Key file that opens the repository without a password; else HOLDFAST_KEY_FILE."
)
password_option = click.option(
    "--password-file",
    type=FILE,
    help="File whose first line is the password; else HOLDFAST_PASSWORD, else, without a key file, a prompt.",
)
new_key_file_option = click.option(
    "--new-key-file", type=FILE, help="Key file to add; made if it does not exist, readable by you alone."
)
new_password_option = click.option(
    "--new-password-file", type=FILE, help="File whose first line is the password to add; else a prompt."
)


class GivenKeys:
    """What the flags name. Nothing is read before it is asked for.

    A flag of either kind overrules the environment; in the environment both kinds count. The key file comes first,
    because trying it costs nothing.
    """

    def __init__(self, password_file: Path | None = None, key_file: Path | None = None) -> None:
        self._password_file = password_file
        self._key_file = key_file
        self._is_flag = password_file is not None or key_file is not None
        self._found: list[KeyProvider] | None = None
        self._derivation: Derivation | None = None

    @property
    def are_named(self) -> bool:
        """Whether a flag or the environment names a key, so that none need be typed."""
        from holdfast.settings.environment import process_environment, repository_key_file, repository_password

        environ = process_environment()
        return self._is_flag or repository_key_file(environ) is not None or repository_password(environ) is not None

    def begin(self, repo: str) -> None:
        """Begin to stretch a password that is at hand, in another process, while the command loads what it needs next.

        A key file comes first, and then there is nothing to begin. What is wrong with keys or repository is told later,
        by whoever opens it. It must be called where no other thread runs, and `close` after it.
        """
        if self._derivation is not None or is_in_aws(repo):
            return
        with suppress(HoldfastError):
            if self._path_of_key_file() is None and self._named_password is not None:
                from holdfast.backup.derivation import Derivation

                self._derivation = Derivation(self._named_password[0], partial(_password_slot, repo))

    def close(self) -> None:
        """End what was begun."""
        if self._derivation is not None:
            self._derivation.end()

    def at_hand(self) -> list[KeyProvider]:
        """Return the keys that are named, without asking anybody.

        Raises:
            InvalidRequest: one is named and cannot be read, or is empty.
        """
        if self._found is None:
            self._found = self._key_files(make=False) + self._passwords()
        return self._found

    def needed(self) -> list[KeyProvider]:
        """Return the keys that are named; where none is, the password that is typed."""
        return self.at_hand() or [_typed("Password", NO_KEY, confirm=False)]

    def to_create(self, *, ask: bool) -> list[KeyProvider]:
        """Return the keys of a new repository: a key file is made if it does not exist; `ask` types where none is."""
        named = self._key_files(make=True) + self._passwords()
        return named or ([_typed("Password", NO_KEY, confirm=True)] if ask else [])

    def _key_files(self, *, make: bool) -> list[KeyProvider]:
        path = self._path_of_key_file()
        return [] if path is None else [_key_file(path, make=make)]

    def _path_of_key_file(self) -> Path | None:
        from holdfast.settings.environment import KEY_FILE, process_environment, repository_key_file

        if self._is_flag:
            return self._key_file
        named = repository_key_file(process_environment())
        if named == "":
            raise InvalidRequest(f"{KEY_FILE} is empty: name a key file, or unset it")
        return Path(named) if named else None

    def _passwords(self) -> list[KeyProvider]:
        if self._named_password is None:
            return []
        begun = self._derivation.key_for if self._derivation is not None else None
        return [_password(*self._named_password, begun)]

    @cached_property
    def _named_password(self) -> tuple[str, str] | None:
        """The password and where it is from; its file, which may be a pipe, is read once."""
        from holdfast.settings.environment import PASSWORD, process_environment, repository_password

        if self._password_file is not None:
            return _first_line(self._password_file), f"the file {str(self._password_file)!r}"
        found = None if self._is_flag else repository_password(process_environment())
        return None if found is None else (found, PASSWORD)


def _password_slot(repo: str) -> Mapping[str, Any] | None:
    from holdfast.backup.slot import first_password_slot
    from holdfast.backup.stores.local import LocalObjects

    return first_password_slot(LocalObjects(Path(repo)))


def takes_keys(command: Command) -> Command:
    """Give a command the options that name keys; it gets them as one argument, `keys`."""

    @wraps(command)
    def with_keys(*args: Any, password_file: Path | None, key_file: Path | None, **rest: Any) -> Any:
        return command(*args, keys=GivenKeys(password_file, key_file), **rest)

    return cast(Command, password_option(key_file_option(with_keys)))


def new_keys(password_file: Path | None, key_file: Path | None) -> list[KeyProvider]:
    """Return the keys to add: of the files that are named, else a password typed twice.

    HOLDFAST_PASSWORD and HOLDFAST_KEY_FILE are the present ones, and not looked at.
    """
    made: list[KeyProvider] = [] if key_file is None else [_key_file(key_file, make=True)]
    if password_file is not None:
        made.append(_password(_first_line(password_file), f"the file {str(password_file)!r}"))
    return made or [_typed("New password", NO_NEW_KEY, confirm=True)]


def _key_file(path: Path, *, make: bool) -> FileKey:
    from holdfast.backup.stores.key_files import make_key_file, read_key_file

    if not make or path.exists():
        return read_key_file(path)
    key = make_key_file(path)
    click.echo(f"made the key file {path}; keep a copy of it elsewhere", err=True)
    return key


def _password(password: str, where: str, begun: Begun | None = None) -> KeyProvider:
    from holdfast.backup.key_slots import PasswordKey

    if not password:
        raise InvalidRequest(f"the password in {where} is empty; it must have at least one character")
    return PasswordKey(password, begun=begun)


def _typed(prompt: str, otherwise: str, *, confirm: bool) -> KeyProvider:
    from holdfast.backup.key_slots import PasswordKey

    if not sys.stdin.isatty():
        raise InvalidRequest(otherwise)
    return PasswordKey(click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True))


def _first_line(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            line = stream.read(MAX_PASSWORD_BYTES).split(b"\n")[0].removesuffix(b"\r")
        return line.decode()
    except OSError as error:
        raise InvalidRequest(f"the password file {str(file)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the password file {str(file)!r} is not UTF-8 text") from error
