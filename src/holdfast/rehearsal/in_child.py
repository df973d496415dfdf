"""Runs one function in a process of its own, so that what it loads is gone from memory when it returns."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar, cast

from holdfast.errors import HoldfastError, StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")


def in_child(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `function` returns in a fresh interpreter; the child is gone on return, whatever happened.

    Function, arguments, result and errors travel by pickle: the function must be at the top of a module.

    Raises:
        HoldfastError: what the function raised.
        StoreUnavailable: the child ended without an answer (killed, out of memory, or a defect; it said so on stderr).
    """
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_serve, args=(send, function, args, kwargs), daemon=True)
    child.start()
    send.close()
    try:
        answer = receive.recv()
        child.join()
    except EOFError:
        child.join()
        raise StoreUnavailable(f"{function.__name__} ended without an answer, status {child.exitcode}") from None
    finally:
        child.kill()
        child.join()
        receive.close()
    if isinstance(answer, HoldfastError):
        raise answer
    return cast(T, answer)


def _serve(send: Connection, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C reaches the parent, which ends us
    try:
        send.send(function(*args, **kwargs))
    except HoldfastError as error:
        send.send(error)
    finally:
        send.close()
