"""The child process: MiniStack with our extension behind one loopback socket, until its parent lets go of it.

The parent keeps the write end of this process's standard input open; when that closes, for whatever reason (stop,
Ctrl-C, a crash, a kill), the child ends its functions, removes the run's folder and leaves, unless it was told `STAY`
before: then it lives until it gets SIGTERM or the order to stop. One line on standard
output, JSON, tells the parent where it listens.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

import uvloop

from holdfast.rehearsal.embedded.adapter import STAY

# Hypercorn, which MiniStack brings, spends twice the processor time on a request: measured, 0.65 ms to 0.36 ms a GET.
COMMON: dict[str, Any] = {
    "http": "httptools",
    "loop": "none",  # ours already runs
    "ws": "none",
    "lifespan": "on",
    "timeout_keep_alive": 600,
    "log_level": "warning",
    "access_log": False,
    "server_header": False,
    "date_header": False,
}


def main() -> None:
    """Serve until standard input closes. Arguments: the run's folder, and the level "plain" or "strict"."""
    folder, strict = Path(sys.argv[1]), sys.argv[2] == "strict"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, lambda *_: _leave(folder))
    threading.Thread(target=_leave_with_parent, args=(folder,), daemon=True).start()
    listeners = [_listen() for _ in range(2 if strict else 1)]
    ports = [listener.getsockname()[1] for listener in listeners]
    os.environ["GATEWAY_PORT"] = str(ports[0])  # MiniStack reads it at import and hands it on
    os.environ["HOLDFAST_ENDPOINT"] = f"{'https' if strict else 'http'}://127.0.0.1:{ports[0]}"
    uvloop.run(_serve(folder, listeners, {"port": ports[0], "plain_port": ports[-1]}))


def _listen() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)  # before the parent hears of the port: a first request waits, it is not refused
    return listener


async def _serve(folder: Path, listeners: list[socket.socket], ready: dict[str, int]) -> None:
    from uvicorn import Config, Server

    from holdfast.rehearsal.embedded.extension import install

    app = install(folder, token=os.environ["HOLDFAST_CONTROL_TOKEN"])
    app.when_started(lambda: print(json.dumps(ready), flush=True))
    served: Any = app  # the server names every message type; the app only passes them on
    first = Config(served, **COMMON)
    if len(listeners) > 1:
        first.ssl_certfile, first.ssl_keyfile = os.environ["MINISTACK_SSL_CERT"], os.environ["MINISTACK_SSL_KEY"]
    # The port without TLS is another door to the same app, whose life the first server begins and ends.
    doors = [Server(first), *(Server(Config(served, **{**COMMON, "lifespan": "off"})) for _ in listeners[1:])]
    await asyncio.gather(*(door.serve([listener]) for door, listener in zip(doors, listeners, strict=True)))


def _leave_with_parent(folder: Path) -> None:
    """Leave once the parent has closed our standard input, or is gone, without having told us to stay."""
    if sys.stdin.buffer.read() != STAY:
        _leave(folder)


def _leave(folder: Path) -> NoReturn:
    """End every function and remove the folder; then leave at once, whatever threads still run."""
    functions = sys.modules.get("holdfast.rehearsal.embedded.extension.functions")
    if functions is not None:
        functions.end_all()
    for _ in range(3):  # a request in flight may still create a file
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
