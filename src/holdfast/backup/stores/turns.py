"""Who may write next, among the threads and processes of one machine.

SQLite lets one writer in and tells the others to ask again. With hundreds of them asking, they take the processor from
the one who writes, and the unlucky give up. Here the kernel wakes the next one, and whoever is let in does the waiting
work of its whole process in one transaction (group commit), so that one flush to disk acknowledges all of it.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from holdfast.backup.stores.os_errors import os_errors

T = TypeVar("T")
MOST_TOGETHER = 64
"""Changes in one transaction at most: what bounds how long another process waits for its turn."""


class Job(Generic[T]):
    """One change, its result or its error, and whether it is settled; settled means durable."""

    def __init__(self, change: Callable[..., T]) -> None:
        self.change = change
        self.is_settled = False
        self.error: BaseException | None = None
        self._result: list[T] = []

    def attempt(self, *arguments: Any) -> None:
        """Run the change and keep what it returns."""
        self._result = [self.change(*arguments)]

    def settle(self, error: BaseException | None = None) -> None:
        """Tell that the change is durable, or why it is not."""
        self.error = error
        self.is_settled = True

    def outcome(self) -> T:
        """Return what the change returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self._result[0]


class GroupCommit:
    """Settles jobs in groups: `run_together` is given those that wait, by one thread at a time."""

    def __init__(self, run_together: Callable[[list[Job[Any]]], None], *, patience_seconds: float) -> None:
        self._run_together = run_together
        self._patience = patience_seconds
        self._mine = threading.Lock()
        self._waiting: deque[Job[Any]] = deque()

    def settle(self, job: Job[T]) -> T:
        """Return the job's result once it is durable.

        Raises:
            TimeoutError: its turn did not come; the job was not run and will not be.
        """
        self._waiting.append(job)
        if not self._mine.acquire(timeout=self._patience):
            with suppress(ValueError):
                self._waiting.remove(job)
                raise TimeoutError
            # It is being run this moment: its outcome must be told, whatever it is.
            self._mine.acquire()
        try:
            while not job.is_settled:
                self._run_next(job)
        finally:
            self._mine.release()
        return job.outcome()

    def _run_next(self, job: Job[Any]) -> None:
        group: list[Job[Any]] = []
        with suppress(IndexError):
            while len(group) < MOST_TOGETHER:
                group.append(self._waiting.popleft())
        try:
            self._run_together(group)
        except BaseException:
            # Only what stops this thread comes here (Ctrl-C, no turn): the others run theirs themselves.
            self._waiting.extendleft(one for one in reversed(group) if not (one.is_settled or one is job))
            raise


class FileTurn:
    """An exclusive turn among processes: a lock file, on which waiters sleep until it is free."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def taken(self, seconds: float) -> Iterator[None]:
        """Hold the turn; where files cannot be locked, everybody has it at once.

        Raises:
            TimeoutError: another process kept it for `seconds`.
            StoreDenied, StoreUnavailable: the file cannot be opened to write.
        """
        with os_errors(f"write {str(self._path)!r}"):
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait(file, seconds)
            yield
        finally:
            os.close(file)  # releases the lock

    @staticmethod
    def _wait(file: int, seconds: float) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        except OSError:
            return  # no locks on this file system: the caller's own way of waiting remains
        else:
            return
        got = threading.Event()

        def sleep_on(copy: int) -> None:
            try:
                fcntl.flock(copy, fcntl.LOCK_EX)
            except OSError:
                return
            finally:
                os.close(copy)
                got.set()

        # Both descriptors share one lock. If nobody waits any more, the thread's copy is the last and lets it go.
        threading.Thread(target=sleep_on, args=(os.dup(file),), daemon=True).start()
        if not got.wait(seconds):
            raise TimeoutError
