"""Which settings a verb works on: a file's, ./holdfast.yaml's, or a platform's defaults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from holdfast.errors import InvalidRequest

if TYPE_CHECKING:
    from holdfast.settings.platform import PlatformSettings

Command = TypeVar("Command", bound=Callable[..., Any])

file_option = click.option(
    "--settings", "file", type=click.Path(path_type=Path, dir_okay=False), help="A settings file. [./holdfast.yaml]"
)
platform_option = click.option("--platform", metavar="PLATFORM", help="A platform's defaults instead of a file.")
environment_option = click.option(
    "--environment", help="Name of the environment; before HOLDFAST_ENVIRONMENT and the file."
)


def chooses_settings(command: Command) -> Command:
    """Give a command the options that choose its settings."""
    for option in (environment_option, platform_option, file_option):
        command = option(command)
    return command


def settings_of(file: Path | None, platform: str | None, environment: str | None) -> PlatformSettings:
    """Return the settings that the options name.

    Raises:
        InvalidRequest: unreadable or wrong settings, or both a file and a platform.
    """
    from holdfast.settings.environment import environment_name, process_environment
    from holdfast.settings.load import DEFAULT_FILE, defaults, load

    environ = process_environment()
    if platform and file:
        raise InvalidRequest("give --platform or --settings, not both")
    if platform:
        return defaults(platform, environment=environment_name(environment, environ))
    return load(file or DEFAULT_FILE, environ=environ, environment=environment)
