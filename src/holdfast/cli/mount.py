"""`holdfast mount DIR --repo REPO`: the snapshots as folders, where the system has FUSE."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import click

from holdfast.cli.keys import GivenKeys, takes_keys
from holdfast.cli.repository import opened, quiet_option, repository_option
from holdfast.errors import InvalidRequest, StoreDenied, StoreUnavailable

DEVICE = Path("/dev/fuse")


@click.command("mount")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False, exists=True))
@repository_option
@takes_keys
@quiet_option
@click.option("--allow-other", is_flag=True, help="Let other users look too, within the modes of the files.")
def command(folder: Path, repo: str, keys: GivenKeys, quiet: bool, allow_other: bool) -> None:
    """Show every snapshot as a folder below DIR until it is unmounted or interrupted. Nothing can be changed.

    Needs FUSE: the device /dev/fuse, the library libfuse, and `pip install holdfast[mount]`.
    Exit status: 0 unmounted; 2 DIR is no folder; 3 there is no FUSE here.
    """
    fuse = fuse_library()
    from holdfast.backup.browse import Browser
    from holdfast.cli.file_system import FileSystem

    with opened(repo, keys) as repository:
        if not quiet:
            click.echo(f"mounted on {folder}; unmount it or press Ctrl-C to end", err=True)
        operations = type("Mounted", (FileSystem, fuse.Operations), {})
        view = operations(Browser(repository), uid=os.getuid(), gid=os.getgid())
        try:
            fuse.FUSE(
                view,
                str(folder),
                foreground=True,
                nothreads=True,
                ro=True,
                allow_other=allow_other,
                default_permissions=True,
                fsname="holdfast",
            )
        except RuntimeError as error:
            raise StoreUnavailable(f"{str(folder)!r} could not be mounted: FUSE ended with status {error}") from error


def fuse_library(device: Path = DEVICE) -> Any:
    """Return the library that speaks to FUSE.

    Raises:
        StoreDenied: there is no device, or no libfuse.
        InvalidRequest: the library is not installed.
    """
    if not device.exists():
        raise StoreDenied(f"there is no {device} here: load the kernel's fuse module, or use `holdfast restore`")
    try:
        return importlib.import_module("mfusepy")
    except ModuleNotFoundError as error:
        raise InvalidRequest("mounting needs another package: install holdfast[mount]") from error
    except OSError as error:
        raise StoreDenied("libfuse is not installed: install the system's fuse3, or use `holdfast restore`") from error
