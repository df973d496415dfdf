"""Runs one function in a process of its own: beside what we do, and gone from memory when it is done."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Generic, ParamSpec, Self, TypeVar, cast

from holdfast.errors import HoldfastError, StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")


class Child(Generic[T]):
    """A function at work in a fresh interpreter. Use it as a context: whatever happens, the child is gone after it.

    Function, arguments, result and errors travel by pickle: the function must be at the top of a module.
    """

    def __init__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        context = multiprocessing.get_context("spawn")
        self._name = getattr(function, "__name__", repr(function))
        self._receive, send = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(send, function, args, kwargs), daemon=True)
        self._process.start()
        send.close()

    def is_done(self, seconds: float) -> bool:
        """Wait up to `seconds` for the function to end; True once it has."""
        return self._receive.poll(seconds)

    def result(self) -> T:
        """Wait for the function and return what it returned.

        Raises:
            HoldfastError: what the function raised.
            StoreUnavailable: the child ended without an answer (killed, out of memory, or a defect; stderr says so).
        """
        try:
            answer = self._receive.recv()
        except EOFError:
            self._process.join()
            status = self._process.exitcode
            raise StoreUnavailable(f"{self._name} ended without an answer, status {status}") from None
        if isinstance(answer, HoldfastError):
            raise answer
        return cast(T, answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._receive.close()


def in_child(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `function` returns in a fresh interpreter; see `Child`."""
    with Child(function, *args, **kwargs) as child:
        return child.result()


def _serve(send: Connection, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C reaches the parent, which ends us
    try:
        answer = function(*args, **kwargs)
    except HoldfastError as error:
        answer = error
    with suppress(BrokenPipeError):  # the parent no longer wants it
        send.send(answer)
    send.close()
