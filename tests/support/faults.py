"""Ports that fail on a chosen call, as a process that is killed or a store that is away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from holdfast.backup.repository import Repository


class Killed(BaseException):
    """The process died here: nothing catches it, and no later call reaches a port."""


@dataclass
class Script:
    """Raises `error()` at the call number `at` (1 is the first), before or after its effect; then at every call."""

    at: int | None = None
    after: bool = False
    error: Callable[[], BaseException] = Killed
    forever: bool = True
    only: str = ""
    calls: list[str] = field(default_factory=list)

    @property
    def fired(self) -> bool:
        return self.at is not None and len(self.calls) >= self.at

    def run(self, name: str, call: Callable[[], Any]) -> Any:
        if self.only and name != self.only:
            return call()
        self.calls.append(name)
        number = len(self.calls)
        if self.at is None or number < self.at or (number > self.at and not self.forever):
            return call()
        if number == self.at and self.after:
            call()
        raise self.error()


class Port:
    """Any port, its calls run through a script."""

    def __init__(self, port: Any, script: Script) -> None:
        self._port = port
        self._script = script

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        def call(*arguments: Any, **options: Any) -> Any:
            return self._script.run(name, lambda: method(*arguments, **options))

        return call


def scripted(repository: Repository, script: Script) -> Repository:
    """The same repository behind ports that follow the script."""
    return repository._replace(
        objects=Port(repository.objects, script),
        index=Port(repository.index, script),
        ledger=Port(repository.ledger, script),
    )
