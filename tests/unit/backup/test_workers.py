from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import platform
import resource
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup.workers import KEPT_BYTES, REMOTE_KEPT_BYTES, Ask, Work, Workers, keep_buffers
from holdfast.errors import SourceUnreadable, StoreUnavailable
from tests.support.processes import wait_until_gone


def doubling(ask: Ask) -> Work:
    return lambda job: job * 2


def adding_what_it_is_told(ask: Ask) -> Work:
    return lambda job: job + ask(["how much", job])


def asking_ahead(ask: Ask) -> Work:
    """Each job asks, and takes the answer of the job before: other answers and jobs come in between."""
    open_: list[Any] = [lambda: 0]

    def work(job: Any) -> Any:
        open_.append(ask.later(["how much", job]))
        return open_.pop(0)() + 1000 * ask(["how much", job])

    return work


def failing(ask: Ask) -> Work:
    def work(job: Any) -> Any:
        raise SourceUnreadable(f"{job} cannot be read")

    return work


def sleeping(ask: Ask) -> Work:
    return lambda job: time.sleep(job)


@contextlib.contextmanager
def workers(prepare: Any, count: int = 2, answer: Any = None) -> Iterator[Workers]:
    one = Workers(count, prepare, answer or (lambda question: None))
    pids = one.pids
    try:
        yield one
    finally:
        one.close()
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


def all_results(one: Workers) -> list[Any]:
    found: list[Any] = []
    while not one.is_idle:
        found += one.results(5)
    return found


def test_answers_that_are_taken_later_are_those_of_their_questions() -> None:
    with workers(asking_ahead, 1, lambda question: question[1]) as one:
        for number in range(1, 50):
            one.submit(number, "a number")
        assert all_results(one) == [number - 1 + 1000 * number for number in range(1, 50)]


def test_every_job_has_its_result() -> None:
    with workers(doubling, 3) as one:
        for number in range(50):
            one.submit(number, "a number")
        assert sorted(all_results(one)) == [number * 2 for number in range(50)]


def test_a_question_is_answered_while_other_jobs_wait() -> None:
    with workers(adding_what_it_is_told, answer=lambda question: question[1] * 100) as one:
        for number in range(20):
            one.submit(number, "a number")
        assert sorted(all_results(one)) == [number * 101 for number in range(20)]


def test_all_do_reaches_every_worker_after_its_other_jobs() -> None:
    with workers(lambda ask: lambda job: os.getpid(), 3) as one:
        one.submit("first", "x")
        assert sorted(set(one.all_do("last", "x"))) == sorted(one.pids)


def test_a_worker_s_error_rises_as_it_is() -> None:
    with workers(failing) as one:
        one.submit("this", "this")
        with pytest.raises(SourceUnreadable, match="this cannot be read"):
            all_results(one)


def test_a_killed_worker_is_told_with_what_it_was_doing() -> None:
    with workers(sleeping, 1) as one:
        one.submit(60, "'/home/ann/film' and 0 other files")
        os.kill(one.pids[0], signal.SIGKILL)
        with pytest.raises(StoreUnavailable, match="killed at '/home/ann/film'"):
            all_results(one)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_is_left_to_the_caller(number: signal.Signals) -> None:
    with workers(doubling, 1) as one:
        one.submit(1, "a number")  # once it is done the worker is past its beginning
        assert all_results(one) == [2]
        os.kill(one.pids[0], number)
        one.submit(2, "a number")
        assert all_results(one) == [4]


def test_a_worker_may_open_all_the_files_that_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        with workers(lambda _: lambda _: resource.getrlimit(resource.RLIMIT_NOFILE), 1) as one:
            assert one.all_do(None, "job") == [(hard, hard)]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(256, hard), hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def left_after_24_mib(most_bytes: int) -> int:
    """Nothing but the buffers is given out meanwhile: a single piece at the end of the heap would keep it as it is."""
    keep_buffers(most_bytes)
    ctypes.CDLL(None).malloc_trim(0)
    statm, held = os.open("/proc/self/statm", os.O_RDONLY), [b""] * 84

    def resident_bytes() -> int:
        return int(os.pread(statm, 100, 0).split()[1]) * resource.getpagesize()

    before = resident_bytes()
    for number in range(len(held)):
        held[number] = b"x" * 300_000
    assert resident_bytes() > before + 24_000_000
    held.clear()
    return resident_bytes() - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide by themselves what to keep")
def test_a_worker_of_a_remote_store_gives_memory_back_that_others_keep() -> None:
    fresh = multiprocessing.get_context("spawn")  # this process has holes in its heap, which are filled first
    with ProcessPoolExecutor(1, fresh) as process:
        little, much = process.map(left_after_24_mib, [REMOTE_KEPT_BYTES, KEPT_BYTES])
    assert little < REMOTE_KEPT_BYTES + 1_000_000 < much


def test_closing_ends_workers_in_the_middle_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.backup.workers.GRACE_SECONDS", 0.05)
    with workers(sleeping) as one:
        one.submit(60, "x")


def test_closing_lets_a_worker_clear_up(tmp_path: Path) -> None:
    def asking(ask: Ask) -> Work:
        def work(job: Any) -> Any:
            try:
                while True:
                    ask(job)
            finally:
                (tmp_path / "cleared").touch()

        return work

    with workers(asking, 1) as one:
        one.submit("x", "x")
        list(one.results(0.01))
    assert (tmp_path / "cleared").exists()


def test_a_worker_ends_when_its_caller_is_killed() -> None:
    reading, writing = os.pipe()
    caller = os.fork()
    if caller == 0:
        one = Workers(2, sleeping, lambda question: None)
        os.write(writing, b" ".join(str(pid).encode() for pid in one.pids))
        os._exit(0)
    os.waitpid(caller, 0)
    pids = [int(pid) for pid in os.read(reading, 100).split()]
    os.close(reading)
    os.close(writing)
    wait_until_gone(*pids)
