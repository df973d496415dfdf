"""Worker processes that own bulk data: only jobs, ids and results cross to them and back.

They are forked, so that what the caller holds (keys, an open source) needs no copying. A worker must touch neither the
catalogue nor a terminal: what it wants to know it asks, and the caller answers between two of its own steps.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import select
import signal
import socket
import struct
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

import msgpack

from holdfast.backup.forks import ENDING, end_process, forked
from holdfast.backup.remote import is_remote
from holdfast.errors import StoreUnavailable

LENGTH = struct.Struct("<I")
PIECE = 1 << 20
JOBS_EACH = 2
"""Jobs a worker has at a time: one at hand, one to go on with."""
GRACE_SECONDS = 2.0
"""A worker whose caller is gone ends at its next word to it; one that has no word to say is killed after this."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""mallopt(3)."""
KEPT_BYTES = 32 * 1024 * 1024
"""Up to two packs: giving each back and faulting it in anew costs 3 to 6 % of a backup, 19 % of a verify."""
REMOTE_KEPT_BYTES = 8 * 1024 * 1024
"""For who waits for packs: what came and went at its own pace leaves 20 MiB of holes in the heap of each worker."""
JOB, ANSWER = 0, 1
RESULT, QUESTION, ERROR = 0, 1, 2

Work = Callable[[Any], Any]
"""Does one job and returns its result."""


class _Link:
    """One end of a socket on which whole messages go."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end

    def send(self, kind: int, value: object) -> None:
        data: bytes = msgpack.packb([kind, value], use_bin_type=True)
        self.end.sendall(LENGTH.pack(len(data)) + data)

    def receive(self) -> tuple[int, Any]:
        """Return the next message; raise EOFError if the other side is gone."""
        (length,) = LENGTH.unpack(self._exactly(LENGTH.size))
        kind, value = msgpack.unpackb(self._exactly(length), raw=False, use_list=False, strict_map_key=False)
        return kind, value

    def _exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            piece = self.end.recv(min(length - len(data), PIECE))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)


class _Worker:
    def __init__(self, pid: int, link: _Link) -> None:
        self.pid = pid
        self.link = link
        self.jobs = 0
        self.names: deque[str] = deque()


class Workers:
    """A fixed number of processes. Results come in any order; the first error of any worker rises here.

    Args:
        count: how many.
        prepare: called once in each worker, with what asks the caller; returns what does its jobs.
        answer: answers a worker's question, in the caller's process, within `submit`, `results` and `all_done`.
    """

    def __init__(self, count: int, prepare: Callable[[Ask], Work], answer: Callable[[Any], Any]) -> None:
        self._answer = answer
        self._results: deque[Any] = deque()
        self._workers: list[_Worker] = []
        for _ in range(count):
            self._workers.append(self._start(prepare))

    def _start(self, prepare: Callable[[Ask], Work]) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            pid = forked(partial(self._be_worker, ours, _Link(theirs), prepare))
        return _Worker(pid, _Link(ours))

    def _be_worker(self, ours: socket.socket, link: _Link, prepare: Callable[[Ask], Work]) -> None:
        """Do jobs until the caller is gone."""
        for one in ENDING:
            signal.signal(one, signal.SIG_IGN)  # it reaches the caller, which ends us
        for other in (ours, *(worker.link.end for worker in self._workers)):
            other.close()  # else it would outlive the caller in every sibling
        keep_buffers(KEPT_BYTES)
        _open_many_files()
        try:
            _do_jobs(link, prepare)
        except (EOFError, OSError):
            pass  # the caller is gone
        except BaseException:
            traceback.print_exc()  # the process ends here, and the caller sees that it did
            raise

    @property
    def pids(self) -> list[int]:
        """The processes, for whoever watches them."""
        return [worker.pid for worker in self._workers]

    @property
    def has_room(self) -> bool:
        """Whether a job could be submitted without waiting."""
        return any(worker.jobs < JOBS_EACH for worker in self._workers)

    @property
    def is_idle(self) -> bool:
        """Whether every result has been handed out."""
        return not self._results and not any(worker.jobs for worker in self._workers)

    def submit(self, job: object, name: str) -> None:
        """Give a job to the worker that has least to do; `name` tells people what it is about."""
        while not self.has_room:
            self._pump(None)
        self._give(min(self._workers, key=lambda worker: worker.jobs), job, name)

    def _give(self, worker: _Worker, job: object, name: str) -> None:
        worker.jobs += 1
        worker.names.append(name)
        try:
            worker.link.send(JOB, job)
        except OSError:
            self._died(worker)

    def tell_all(self, job: object, name: str) -> int:
        """Give each worker this job after what it has; return how many results that will give."""
        for worker in self._workers:
            self._give(worker, job, name)
        return len(self._workers)

    def all_do(self, job: object, name: str) -> list[Any]:
        """Have each worker do this one after what it has; return the results once all jobs are done."""
        self.tell_all(job, name)
        return self.all_done()

    def all_done(self) -> list[Any]:
        """Return the results once all jobs are done."""
        while any(worker.jobs for worker in self._workers):
            self._pump(None)
        return list(self.results(0))

    def results(self, seconds: float | None) -> Iterator[Any]:
        """Yield the results that are there; wait up to `seconds` (None: for ever) if there is none yet."""
        if not self._results and any(worker.jobs for worker in self._workers):
            self._pump(seconds)
        while self._results:
            yield self._results.popleft()

    def _pump(self, seconds: float | None) -> None:
        """Take what the workers say, and answer."""
        busy = {worker.link.end: worker for worker in self._workers}
        ready, _, _ = select.select(list(busy), [], [], seconds)
        for end in ready:
            self._hear(busy[end])

    def _hear(self, worker: _Worker) -> None:
        try:
            kind, value = worker.link.receive()
            if kind == QUESTION:
                worker.link.send(ANSWER, self._answer(value))
                return
        except (EOFError, OSError):
            self._died(worker)
        worker.jobs -= 1
        worker.names.popleft()
        if kind == ERROR:
            raise pickle.loads(value)  # noqa: S301 - from our own child
        self._results.append(value)

    def _died(self, worker: _Worker) -> NoReturn:
        with suppress(ChildProcessError):
            os.waitpid(worker.pid, 0)
        self._workers.remove(worker)
        worker.link.end.close()
        what = worker.names[0] if worker.names else "what it was given"
        raise StoreUnavailable(f"a worker process was killed at {what}: is there memory enough? run it again")

    def close(self) -> None:
        """End every process: each may clear up what it is at, within seconds; no process is left."""
        for worker in self._workers:
            worker.link.end.close()
        for worker in self._workers:
            end_process(worker.pid, grace_seconds=GRACE_SECONDS)
        self._workers = []


def keep_buffers(most_bytes: int) -> None:
    """Let glibc keep freed buffers of up to so many bytes, and at its end; what is more goes back to the system."""
    with suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, most_bytes)
        libc.mallopt(M_TRIM_THRESHOLD, most_bytes)
        libc.mallopt(M_ARENA_MAX, 1)  # else each thread that reads packs keeps as much for itself


def keep_buffers_for(objects: object) -> None:
    """Keep less than a worker does by itself where packs come from afar."""
    if is_remote(objects):
        keep_buffers(REMOTE_KEPT_BYTES)


def _open_many_files() -> None:
    """Take the descriptors that the system lets a process have, not the 1,024 that are left for those that select()."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Ask:
    """Puts questions to the caller's process. Questions and answers are what msgpack can carry."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._jobs: deque[Any] = deque()
        self._open: deque[list[Any]] = deque()

    def __call__(self, question: object) -> Any:
        """Return the answer."""
        return self.later(question)()

    def later(self, question: object) -> Callable[[], Any]:
        """Ask, and return what waits for the answer: the caller's process answers in the order of the questions."""
        answer: list[Any] = []
        self._open.append(answer)
        self._link.send(QUESTION, question)

        def wait() -> Any:
            while not answer:
                self._hear()
            return answer[0]

        return wait

    def next_job(self) -> Any:
        """Return the next job."""
        while not self._jobs:
            self._hear()
        return self._jobs.popleft()

    def _hear(self) -> None:
        kind, value = self._link.receive()
        if kind == ANSWER:
            self._open.popleft().append(value)
        else:
            self._jobs.append(value)


def _do_jobs(link: _Link, prepare: Callable[[Ask], Work]) -> None:
    ask = Ask(link)
    work = None
    while True:
        job = ask.next_job()
        try:
            if work is None:
                work = prepare(ask)
            result = work(job)
        except EOFError:
            raise
        except Exception as error:  # noqa: BLE001 - told to the caller, who raises it
            link.send(ERROR, _pickled(error))
            continue
        link.send(RESULT, result)


def _pickled(error: Exception) -> bytes:
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made in this line
        return pickle.dumps(error)
    except Exception:  # noqa: BLE001 - whatever it is that cannot be pickled
        return pickle.dumps(RuntimeError("".join(traceback.format_exception(error))))
