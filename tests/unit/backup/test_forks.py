"""Processes forked for one piece of work."""

from __future__ import annotations

import errno
import gc
import os
import signal
import time
from pathlib import Path
from typing import NoReturn

import pytest

from holdfast.backup.forks import end_process, forked
from holdfast.errors import StoreUnavailable
from tests.support.patience import PATIENCE_SECONDS
from tests.support.processes import is_running


def status_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fail() -> NoReturn:
    raise KeyboardInterrupt


def test_work_is_done_elsewhere_and_its_failure_is_a_status_that_reaches_no_one_s_clean_up() -> None:
    reading, writing = os.pipe()
    try:
        assert status_of(forked(lambda: os.write(writing, b"done"))) == 0
        assert status_of(forked(fail)) == 1
    except KeyboardInterrupt:  # in the child, were it to return
        os._exit(99)
    assert os.read(reading, 10) == b"done"
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    assert status_of(forked(lambda: os.kill(os.getpid(), number))) == -number


@pytest.mark.parametrize("grace_seconds", [0.0, 0.05])
def test_none_is_left(grace_seconds: float) -> None:
    pid = forked(lambda: time.sleep(2 * PATIENCE_SECONDS))
    assert is_running(pid)
    end_process(pid, grace_seconds=grace_seconds)
    assert not Path(f"/proc/{pid}").exists()
    end_process(pid)  # another had waited for it


def test_what_ends_by_itself_in_time_is_not_killed() -> None:
    reading, writing = os.pipe()

    def clear_up() -> None:
        time.sleep(0.05)
        os.write(writing, b"cleared up")

    pid = forked(clear_up)
    end_process(pid, grace_seconds=PATIENCE_SECONDS)
    assert os.read(reading, 20) == b"cleared up"
    os.close(reading)
    os.close(writing)


def test_a_system_that_starts_no_more_processes_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> NoReturn:
        raise BlockingIOError(errno.EAGAIN, "no more")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(StoreUnavailable, match=r"no process can be started: .*ulimit -u"):
        forked(fail)
    assert gc.get_freeze_count() == 0
