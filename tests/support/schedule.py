"""Running jobs against each other in an order that a test decides: one at a time, switching only at port calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from holdfast.backup.repository import Repository
from tests.support.faults import Killed
from tests.support.patience import PATIENCE_SECONDS

Choose = Callable[[Sequence[str], str | None], str]
"""Given the jobs that can go on and the one that ran last, names the next."""


@dataclass
class _Job:
    name: str
    work: Callable[[], None]
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    thread: threading.Thread | None = None
    killed: bool = False
    done: bool = False
    error: BaseException | None = None


class Schedule:
    """Starts each job in a thread of its own, of which exactly one runs at any time."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._jobs: dict[str, _Job] = {}
        self._back = threading.Semaphore(0)
        self._current: _Job | None = None
        self.trace: list[str] = []

    def add(self, name: str, work: Callable[[], None]) -> None:
        """Add a job; nothing of it runs before `run`."""
        self._jobs[name] = _Job(name, work)

    def kill(self, name: str) -> None:
        """Let the job's next port call, and any after it, be its death."""
        self._jobs[name].killed = True

    def run(self) -> None:
        """Run until every job ended; raise the first error of a job that was not killed."""
        last: str | None = None
        while waiting := [job.name for job in self._jobs.values() if not job.done]:
            last = self._choose(waiting, last)
            self.trace.append(last)
            self._resume(self._jobs[last])
        for job in self._jobs.values():
            if job.error is not None and not isinstance(job.error, Killed):
                raise job.error

    def _resume(self, job: _Job) -> None:
        self._current = job
        if job.thread is None:
            job.thread = threading.Thread(target=self._body, args=(job,), name=job.name, daemon=True)
            job.thread.start()
        else:
            job.turn.release()
        assert self._back.acquire(timeout=PATIENCE_SECONDS), f"{job.name} neither called a port nor ended"
        if job.done:
            job.thread.join()

    def _body(self, job: _Job) -> None:
        try:
            work = job.work
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that runs the schedule
            job.error = error
        finally:
            job.done = True
            self._back.release()

    def step(self) -> None:
        """Give the turn back; called by a job before each thing that others could notice."""
        job = self._current
        if job is None or job.thread is not threading.current_thread():
            return  # the test itself, not a job
        self._back.release()
        job.turn.acquire()
        if job.killed:
            raise Killed

    def repository(self, repository: Repository) -> Repository:
        """The same repository, each of whose port calls is a step."""
        return repository._replace(
            objects=_Stepped(repository.objects, self),
            index=_Stepped(repository.index, self),
            ledger=_Stepped(repository.ledger, self),
        )


class _Stepped:
    def __init__(self, port: Any, schedule: Schedule) -> None:
        self._port = port
        self._schedule = schedule

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self._schedule.step()
            result = method(*arguments, **options)
            return iter(list(result)) if isinstance(result, Iterator) else result

        return call


def by_priority(random: Random, jobs: Sequence[str], *, changes: int, steps: int) -> Choose:
    """Run the job of highest priority; at `changes` moments within `steps` the one that runs becomes the lowest.

    Finds an ordering bug of depth d with known probability where uniform choice needs luck.
    Source: Burckhardt et al., "A randomized scheduler with probabilistic guarantees of finding bugs", ASPLOS 2010.
    """
    order = list(jobs)
    random.shuffle(order)
    moments = set(random.sample(range(1, steps + 1), min(changes, steps)))
    count = 0

    def choose(waiting: Sequence[str], last: str | None) -> str:
        nonlocal count
        count += 1
        if count in moments and last is not None:
            order.remove(last)
            order.append(last)
        return next(name for name in order if name in waiting)

    return choose


def with_switches(order: Sequence[str], switches: Sequence[tuple[int, str]]) -> Choose:
    """Let each job run to its end, in `order`, but switch to another one before the given steps (1 is the first)."""
    at = dict(switches)
    count = 0

    def choose(waiting: Sequence[str], last: str | None) -> str:
        nonlocal count
        count += 1
        wanted = at.get(count)
        if wanted in waiting:
            assert wanted is not None
            return wanted
        return last if last in waiting and last is not None else next(name for name in order if name in waiting)

    return choose
