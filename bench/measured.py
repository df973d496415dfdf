"""Running a command and what it took: wall time, CPU time of its process tree, and that tree's peak memory."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLED_EVERY_SECONDS = 0.05
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds by the clock, user and system seconds of all processes, bytes of memory at the highest."""

    wall: float
    cpu: float
    peak_bytes: int


class CommandFailed(Exception):
    """A measured command ended with an error."""


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
    """Run `command` to its end, silently.

    Raises:
        CommandFailed: its exit status is not 0; the text ends with what it said.
    """
    done = subprocess.run(command, env=dict(environment), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr[-2000:]}")


def measure(action: Callable[[], object]) -> Measured:
    """Do something that runs processes, each waited for, and tell what it took; memory is a sum of their PSS."""
    os.sync()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with _Memory() as memory:
        start = time.perf_counter()
        action()
        wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(wall, cpu, memory.peak)


class _Memory:
    """Samples the proportional set size of every descendant that is new: memory that processes share counts once."""

    def __init__(self) -> None:
        self.peak = 0
        self._others = set(descendants(os.getpid()))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLED_EVERY_SECONDS):
            self.peak = max(self.peak, sum(_pss(pid) for pid in set(descendants(os.getpid())) - self._others))


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def descendants(pid: int) -> list[int]:
    """Return the processes that `pid` started, and those they started."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def machine() -> str:
    """Describe the machine in one line."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "unknown processor",
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {os.uname().release}"
