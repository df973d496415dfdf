"""A door to a server on loopback behind which it is far away: every answer comes later, every connection is slower.

    with door(port, delay_seconds=0.02, bytes_per_second=90_000_000) as away: ...

One connection is carried at up to so many bytes a second in each direction; any number of them at once. What is late is
the way back, so that a request waits `delay_seconds` once. Connecting itself is not delayed.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection

import uvloop

PIECE = 256 * 1024
AHEAD = 64
"""Pieces under way in one direction: 16 MiB."""


@contextmanager
def door(port: int, *, delay_seconds: float, bytes_per_second: float) -> Iterator[int]:
    """Yield the port of a door to `port`, held open by a process of its own."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_hold, args=(theirs, port, delay_seconds, bytes_per_second))
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _hold(told: Connection, port: int, delay: float, rate: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(asyncio.CancelledError):
        uvloop.run(_serve(told, port, delay, rate))


async def _serve(told: Connection, port: int, delay: float, rate: float) -> None:
    async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port, limit=PIECE)
        await asyncio.gather(_carry(reader, far_writer, 0, rate), _carry(far_reader, writer, delay, rate))

    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    server = await asyncio.start_server(through, sock=listener, limit=PIECE)
    told.send(listener.getsockname()[1])
    await server.serve_forever()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, rate: float) -> None:
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(AHEAD)
    arriving = asyncio.create_task(_arrive(under_way, writer))
    loop, free = asyncio.get_running_loop(), 0.0
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            free = max(free, loop.time()) + len(piece) / rate
            await under_way.put((free + delay, piece))
    await under_way.put((0.0, b""))
    await arriving


async def _arrive(under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    while piece := (due := await under_way.get())[1]:
        if (early := due[0] - loop.time()) > 0:
            await asyncio.sleep(early)
        with suppress(OSError):
            writer.write(piece)
            await writer.drain()
    writer.close()
