"""`holdfast mount DIR --repo REPO`: the snapshots as folders, where the system has FUSE."""

from __future__ import annotations

import errno
import importlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from holdfast.backup.forks import heeded
from holdfast.cli.keys import GivenKeys, takes_keys
from holdfast.cli.repository import opened, quiet_option, repository_option
from holdfast.cli.text import shown_path
from holdfast.errors import HoldfastError, InvalidRequest, StoreDenied, StoreUnavailable

DEVICE = Path("/dev/fuse")
ENDED_BY_SIGNAL = 8
"""What `fuse_main` of libfuse 3 returns then (fuse.h); libfuse 2 returns 0."""
REMEMBERED_SECONDS = 10
"""The kernel asks again after this time: so long a forgotten snapshot may still seem to be there."""


@click.command("mount")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@repository_option
@takes_keys
@quiet_option
@click.option("--allow-other", is_flag=True, help="Let other users look too, within the modes of the files.")
def command(folder: Path, repo: str, keys: GivenKeys, quiet: bool, allow_other: bool) -> None:
    """Show every snapshot as a folder below DIR until it is unmounted or interrupted. Nothing can be changed.

    Needs FUSE: the device /dev/fuse, the library libfuse, and `pip install holdfast[mount]`.
    Exit status: 0 unmounted; 2 DIR is no folder; 3 there is no FUSE here.
    """
    require_folder(folder)
    fuse = fuse_library()
    from holdfast.backup.browse import Browser
    from holdfast.cli.file_system import FileSystem

    def told() -> None:
        if not quiet:
            click.echo(f"mounted on {folder}; unmount it or press Ctrl-C to end", err=True)

    def failed(path: str, error: HoldfastError) -> None:
        click.echo(f"holdfast: {shown_path(os.fsencode(path))}: {error}", err=True)

    with opened(repo, keys) as repository, _signals_of_libfuse():
        operations = type("Mounted", (FileSystem, fuse.Operations), {})
        view = operations(Browser(repository), uid=os.getuid(), gid=os.getgid(), on_mounted=told, on_failure=failed)
        try:
            fuse.FUSE(
                view,
                str(folder),
                foreground=True,
                nothreads=True,
                ro=True,
                allow_other=allow_other,
                default_permissions=allow_other,  # else nobody but who opened the repository can look
                fsname="holdfast",
                kernel_cache=True,  # a snapshot's files never change
                attr_timeout=REMEMBERED_SECONDS,
                entry_timeout=REMEMBERED_SECONDS,
            )
        except RuntimeError as error:
            if error.args != (ENDED_BY_SIGNAL,):
                raise StoreUnavailable(f"{str(folder)!r} could not be mounted; see what FUSE says above") from error


def require_folder(folder: Path, look: Callable[[Path], object] = os.stat) -> None:
    """Refuse what is no empty folder, and one on which the mount of a process that is gone still stands.

    Raises:
        StoreUnavailable: it does; with what to do.
        InvalidRequest: there is no such folder, or something is in it.
    """
    try:
        look(folder)
        if any(folder.iterdir()):
            raise InvalidRequest(f"{str(folder)!r} is not empty; name an empty folder")
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise InvalidRequest(f"{str(folder)!r} cannot be used: {error.strerror}; name an empty folder") from error
        text = f"{str(folder)!r} is left mounted by a process that was killed: run `fusermount -u {folder}` first"
        raise StoreUnavailable(text) from error


@contextmanager
def _signals_of_libfuse() -> Iterator[None]:
    """Let libfuse end the mount on SIGINT, SIGTERM and SIGHUP: it takes over those that have their default only."""
    before = {one: signal.signal(one, signal.SIG_DFL) for one in heeded()}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


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
