"""Many small requests at once: latency is waited for together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def begun(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Do `work` in a thread; what is given waits for it and returns or raises what it did. There is no thread then.

    Nor is there at the end, whatever happens.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(work)

        def wait() -> T:
            pool.shutdown()
            return doing.result()

        yield wait


def beside(work: Callable[[], R], other: Callable[[], T]) -> tuple[R, T]:
    """Do both at once, `other` in a thread, and return what both return; an error of `work` rises first.

    Both have ended on return, whatever happens.
    """
    with begun(other) as later:
        done = work()
        return done, later()


def each(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Yield `work(item)` for each item, in order, up to `workers` at once; the first error ends it and rises.

    At most `workers` results are held. With one worker everything runs in the caller's thread.
    """
    if workers <= 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor  # loads logging, which many a run has no use for

    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
