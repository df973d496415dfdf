"""Cutting content where content itself says so, so that an insertion moves no cut but its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from holdfast.errors import InvalidRequest

if TYPE_CHECKING:
    from pyfastcdc import FastCDC

KIB = 1024
READ_BYTES = 4 * KIB * KIB


class ChunkLimits(NamedTuple):
    """Minimum, average and maximum chunk size, bytes, each a power of two; files below the minimum are one chunk.

    Source of the defaults: measured on a mixed corpus, 128 KiB stores least (`docs/design/repository-format.md`).
    """

    least: int = 32 * KIB
    average: int = 128 * KIB
    most: int = 512 * KIB

    def checked(self) -> ChunkLimits:
        """Return them as they are; raise InvalidRequest if nothing can be cut by them."""
        if not 64 <= self.least <= self.average <= self.most <= 8 * KIB * KIB:
            raise InvalidRequest(
                f"chunk limits must rise from 64 to 8 MiB, got {self.least}, {self.average}, {self.most}"
            )
        return self


def chunks_of(read: Callable[[int], bytes], limits: ChunkLimits, secret: bytes) -> Iterator[memoryview]:
    """Yield the chunks of a stream; joined in order they are the stream. Holds a few MiB whatever its length.

    Each chunk is a view of what was read; the next read leaves it as it is.

    `read(n)` returns 1 to n bytes, or none at the end. Where the cuts fall depends on content, limits and secret alone,
    not on how the reads are sized.
    Source: FastCDC, Xia et al., USENIX ATC 2016.
    """
    cutter = None
    rest = memoryview(b"")
    while piece := read(READ_BYTES):
        buffer = memoryview(b"".join((rest, piece)) if rest else piece)
        if len(buffer) < limits.most:
            rest = buffer  # no cut would be final
            continue
        done = 0
        cutter = cutter or _cutter(limits, secret)
        for chunk in cutter.cut_buf(buffer):
            # A cut is final only if the maximum size could still be seen behind its start.
            if chunk.offset + limits.most > len(buffer):
                break
            done = chunk.offset + chunk.length
            yield buffer[chunk.offset : done]
        rest = buffer[done:]
    if 0 < len(rest) <= limits.least:
        yield rest
    elif rest:
        cutter = cutter or _cutter(limits, secret)
        yield from (rest[chunk.offset : chunk.offset + chunk.length] for chunk in cutter.cut_buf(rest))


def load_cutter() -> None:
    """Load what cuts, for processes forked later: it takes 5 ms, a tenth of a small run, which has nothing to cut."""
    import pyfastcdc  # noqa: F401


@lru_cache(maxsize=4)
def _cutter(limits: ChunkLimits, secret: bytes) -> FastCDC:
    from pyfastcdc import FastCDC

    return FastCDC(limits.average, min_size=limits.least, max_size=limits.most, seed=_seed(secret))


def _seed(secret: bytes) -> int:
    return int.from_bytes(secret[:8], "little") >> 1 | 1  # 63 bits, never 0, which would mean "no seed"
