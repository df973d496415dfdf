"""A world of memory with clients, minutes and things that go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import count

from holdfast.cutover.memory import (
    MemoryAlarms,
    MemoryDatabases,
    MemoryLedger,
    MemoryRegister,
    MemoryTraffic,
)
from holdfast.cutover.move import advance
from holdfast.cutover.ports import Flow, World
from holdfast.cutover.state import Cutover, Ended, Environment, Weights
from tests.support.clocks import FakeClock

BLUE, GREEN = Environment.BLUE, Environment.GREEN


class ScriptedDatabases(MemoryDatabases):
    """Flows that lag, stick or break when told to."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.lag: float | None = 0.0
        self.stuck = False
        self.tables_in_error = 0

    def deliver(self) -> None:
        if not self.stuck:
            super().deliver()
        self.measure()

    def flow(self, source: Environment) -> Flow:
        found = super().flow(source)
        lag = self.lag if found.lag_seconds is not None else None
        return replace(found, lag_seconds=lag, tables_in_error=self.tables_in_error)


class Scene:
    """A world, its clock, and clients that write to whatever is active."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.started: datetime = self.clock.now()
        self.traffic = WatchedTraffic(self)
        self.databases = ScriptedDatabases(self.clock)
        self.alarms = MemoryAlarms()
        self.register = MemoryRegister()
        self.on_look: Callable[[], None] = lambda: None
        self.accepted: set[int] = set()
        self._rows = count()
        self.world = World(
            traffic=self.traffic,
            databases=self.databases,
            alarms=self.alarms,
            register=self.register,
            ledger=MemoryLedger(),
            clock=self.clock,
        )

    @property
    def cutover(self) -> Cutover | None:
        return self.world.ledger.read().cutover

    @property
    def ended(self) -> Ended:
        return self.world.ledger.read().ended[0]

    def client_writes(self) -> None:
        row = next(self._rows)
        if self.databases.write(self.register.active(), row):
            self.accepted.add(row)

    def minute(self, *, deliver: bool = True) -> None:
        self.clock.sleep(60)
        if deliver:
            self.databases.deliver()
        advance(self.world, owner="tick")

    def until(self, condition: Callable[[], bool], *, deliver: bool = True) -> None:
        for _ in range(200):
            if condition():
                return
            self.minute(deliver=deliver)
        raise AssertionError(f"not within 200 minutes: {self.cutover}")

    def until_idle(self) -> None:
        self.until(lambda: self.cutover is None)


class WatchedTraffic(MemoryTraffic):
    """Calls the scene whenever weights are read."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene

    def weights(self) -> Weights:
        self._scene.on_look()
        return super().weights()
