"""Processes that are forked for one piece of work: how they begin, and that none is left."""

from __future__ import annotations

import gc
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from holdfast.errors import StoreUnavailable

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What a terminal or a supervisor sends to each process of a group."""


def heeded() -> list[signal.Signals]:
    """Return those that end this process: who started it may have had it ignore some, as nohup and a shell's `&` do."""
    return [one for one in ENDING if signal.getsignal(one) is not signal.SIG_IGN]


def forked(work: Callable[[], object]) -> int:
    """Do the work in another process and return its id; it ends with status 0, or 1 if the work raised anything.

    Signals end it, unless the work sees to them.

    Raises:
        StoreUnavailable: the system starts no more processes.
    """
    gc.freeze()  # else the first collection there would copy every page that holds an object
    try:
        pid = os.fork()
        if pid == 0:
            _do(work)
    except OSError as error:
        text = f"no process can be started: {os.strerror(error.errno or 0)}: raise the limit (ulimit -u)"
        raise StoreUnavailable(text) from error
    finally:
        gc.unfreeze()
    return pid


def _do(work: Callable[[], object]) -> NoReturn:
    """Work, and never return into the caller's code or run any of its clean-up."""
    status = 1
    try:
        for one in heeded():
            signal.signal(one, signal.SIG_DFL)
        work()
        status = 0
    finally:
        os._exit(status)


def end_process(pid: int, *, grace_seconds: float = 0.0) -> None:
    """Return when the process is gone: killed, unless it ends by itself in time."""
    with suppress(ProcessLookupError, ChildProcessError):
        process = os.pidfd_open(pid)
        try:
            if not select.select([process], [], [], grace_seconds)[0]:
                os.kill(pid, signal.SIGKILL)
        finally:
            os.close(process)
        os.waitpid(pid, 0)
