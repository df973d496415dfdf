"""A process that finds something out holds nothing of ours, and is gone when we have no more use for it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import BinaryIO

import pytest

from holdfast.backup.child import Child
from tests.support.patience import PATIENCE_SECONDS
from tests.support.processes import wait_until_gone


def waiting(stream: BinaryIO) -> None:
    stream.write(b"here")
    stream.flush()
    time.sleep(2 * PATIENCE_SECONDS)


def failing(stream: BinaryIO) -> None:
    stream.write(b"here")
    stream.flush()
    raise ValueError("this cannot be found out")


def killed(stream: BinaryIO) -> None:
    stream.write(b"here")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def endless(stream: BinaryIO) -> None:
    while True:
        stream.write(b"here")


@pytest.mark.parametrize("find", [failing, killed, lambda stream: stream.write(b"here")])
def test_what_it_found_is_read_and_then_the_end(find: Callable[[BinaryIO], object]) -> None:
    child = Child(find)
    assert os.read(child.pipe, 100) == b"here"
    assert os.read(child.pipe, 100) == b""
    child.end()


@pytest.mark.parametrize("find", [waiting, failing, endless])
def test_it_is_ended_at_once_and_none_is_left(find: Callable[[BinaryIO], object]) -> None:
    child = Child(find, room=1 << 20)
    began = time.monotonic()
    os.read(child.pipe, 4)
    child.end()
    assert time.monotonic() - began < PATIENCE_SECONDS
    with pytest.raises(ChildProcessError):
        os.waitpid(child.pid, os.WNOHANG)


def test_it_keeps_nothing_open_that_others_wait_for() -> None:
    reading, writing = os.pipe()
    child = Child(waiting)
    os.close(writing)
    assert os.read(reading, 1) == b""  # it would wait for as long as any process has the other end
    child.end()
    os.close(reading)


def test_it_ends_when_its_parent_is_killed() -> None:
    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:
        os.write(writing, b"%d" % Child(endless).pid)
        os._exit(0)
    os.waitpid(parent, 0)
    pid = int(os.read(reading, 100))
    os.close(reading)
    os.close(writing)
    wait_until_gone(pid)
