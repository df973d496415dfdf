"""Looking after processes that a test has started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.patience import eventually


def wait_until_gone(*pids: int) -> None:
    """Return once none of them runs."""
    eventually(lambda: not any(is_running(pid) for pid in pids), pause=0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0] != b"Z"
    except OSError:
        return False


def bound_by_modes(command: list[str]) -> list[str]:
    """Return the command so that the modes of files bind it as they bind a user, whoever runs the tests."""
    if os.geteuid():
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root needs setpriv (util-linux) to run a command that the modes of files bind")
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all", "--", *command]


@contextmanager
def forks_noted() -> Iterator[list[int]]:
    """Give the processes that this one forks while the block goes on."""
    pids: list[int] = []
    fork = os.fork

    def noting() -> int:
        pid = fork()
        pids.append(pid)
        return pid

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fork", noting)
        yield pids


def none_is_left(pids: list[int]) -> bool:
    """Say whether each of these children has ended and was waited for."""
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
            return False
    return True
