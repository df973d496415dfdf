"""What every process of a rehearsal holds in memory together, sampled while it runs.

PSS (proportional set size) counts a page shared by n processes as 1/n in each, so that the sum over a process tree is
what the tree really holds; RSS would count the interpreter's pages once for every worker.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

PROC = Path("/proc")


def descendants(root: int, proc: Path = PROC) -> list[int]:
    """Return `root` and every process below it, as far as the kernel tells; only itself where there is no /proc."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents(proc):
        children.setdefault(parent, []).append(child)
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def _parents(proc: Path) -> Iterator[tuple[int, int]]:
    with suppress(OSError):
        for folder in proc.iterdir():
            if folder.name.isdigit():
                with suppress(OSError):  # it ended while we looked
                    stat = (folder / "stat").read_bytes()
                    yield int(folder.name), int(stat[stat.rindex(b")") + 2 :].split()[1])


def pss_bytes(pid: int, proc: Path = PROC) -> int:
    """Return the PSS of one process, 0 if it ended or may not be read."""
    with suppress(OSError):
        for line in (proc / str(pid) / "smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0


class MemorySampler:
    """Samples the sum of PSS of this process's tree until the block ends; `samples` are (seconds, bytes)."""

    def __init__(
        self,
        also: Callable[[], Iterable[int]] = tuple,
        *,
        interval_seconds: float = 0.5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.samples: list[tuple[float, int]] = []
        self._also = also
        self._interval = interval_seconds
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-sampler", daemon=True)

    def __enter__(self) -> Self:
        self._began = self._monotonic()
        self.sample()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.sample()

    @property
    def peak_bytes(self) -> int | None:
        """Return the largest sample; None where the system does not tell."""
        return max((total for _, total in self.samples), default=0) or None

    def sample(self) -> None:
        """Take one sample now."""
        pids = {*descendants(os.getpid()), *self._also()}
        self.samples.append((self._monotonic() - self._began, sum(map(pss_bytes, pids))))

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.sample()
