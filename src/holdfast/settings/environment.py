"""The one place that reads the process environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

DEFAULT_FILE = Path("holdfast.yaml")
ENVIRONMENT_NAME = "HOLDFAST_ENVIRONMENT"
REPOSITORY = "HOLDFAST_REPO"
PASSWORD = "HOLDFAST_PASSWORD"  # noqa: S105 - the variable's name, not a password
KEY_FILE = "HOLDFAST_KEY_FILE"


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process; read at the entry point, passed on as an argument."""
    return os.environ


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return where to keep what can be made again, as the XDG base directory specification says."""
    base = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".cache")
    return Path(base) / "holdfast"


def synth_folder(environ: Mapping[str, str]) -> Path:
    """Return where finished assemblies are kept."""
    return cache_folder(environ) / "synth"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return where to keep what must survive between commands, as the XDG base directory specification says."""
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".local" / "state")
    return Path(base) / "holdfast"


def environment_name(flag: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the environment's name that overrides the file's: the flag, else the variable; an empty one counts."""
    return flag if flag is not None else environ.get(ENVIRONMENT_NAME)


def repository_name(environ: Mapping[str, str]) -> str | None:
    """Return the repository that verbs use without `--repo`, None where the variable is not set."""
    return environ.get(REPOSITORY)


def repository_password(environ: Mapping[str, str]) -> str | None:
    """Return the password of local repositories, None where the variable is not set."""
    return environ.get(PASSWORD)


def repository_key_file(environ: Mapping[str, str]) -> str | None:
    """Return the path of the key file that opens repositories, None where the variable is not set."""
    return environ.get(KEY_FILE)
