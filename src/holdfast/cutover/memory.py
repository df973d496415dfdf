"""A whole world in memory: two databases with rows, a flow with a lag, a load balancer. For tests and trying out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from holdfast.cutover.ports import Clock, Fence, Flow, FlowStatus, World
from holdfast.cutover.state import Environment, Record, Weights
from holdfast.errors import Conflict, IntegrityError, LeaseLost, NotFound


@dataclass
class MemoryTraffic:
    """A load balancer's one rule and two target groups."""

    live: Weights = field(default_factory=lambda: Weights(100, 0))
    targets: dict[Environment, int] = field(default_factory=lambda: dict.fromkeys(Environment, 2))

    def weights(self) -> Weights:
        """Return the live weights."""
        return self.live

    def set_weights(self, weights: Weights) -> None:
        """Make these the live weights."""
        self.live = weights

    def healthy(self, environment: Environment) -> int:
        """Return how many targets of that side are healthy."""
        return self.targets[environment]


class MemoryDatabases:
    """Two sets of rows, and one log of changes for each direction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.fences = {Environment.BLUE: Fence.OPEN, Environment.GREEN: Fence.CLOSED}
        self.rows: dict[Environment, set[int]] = {side: set() for side in Environment}
        self.flows = {Environment.BLUE: FlowStatus.RUNNING, Environment.GREEN: FlowStatus.STOPPED}
        self.logs: dict[Environment, list[tuple[datetime, int]]] = {side: [] for side in Environment}
        self.read_to = dict.fromkeys(Environment, 0)
        self.measured_at = clock.now()
        self.pending = dict.fromkeys(Environment, 0)

    def write(self, environment: Environment, row: int) -> bool:
        """Write a row as a client; False: the fence refuses it."""
        if self.fences[environment] is Fence.CLOSED:
            return False
        self.rows[environment].add(row)
        self.logs[environment].append((self._clock.now(), row))
        return True

    def deliver(self) -> None:
        """Let every running flow apply all that waits, and measure."""
        for side in Environment:
            if self.flows[side] is FlowStatus.RUNNING:
                for _, row in self.logs[side][self.read_to[side] :]:
                    self.rows[side.other].add(row)
                self.read_to[side] = len(self.logs[side])
        self.measure()

    def measure(self) -> None:
        """Count what waits now; `flow` tells the newest count, however old."""
        self.pending = {side: len(self.logs[side]) - self.read_to[side] for side in Environment}
        self.measured_at = self._clock.now()

    def fence(self, environment: Environment) -> Fence:
        """Return whether clients may write there."""
        return self.fences[environment]

    def set_fence(self, environment: Environment, *, closed: bool) -> None:
        """Do it at once."""
        self.fences[environment] = Fence.CLOSED if closed else Fence.OPEN

    def flow(self, source: Environment) -> Flow:
        """Return the state of the flow out of `source`."""
        running = self.flows[source] is FlowStatus.RUNNING
        return Flow(
            status=self.flows[source],
            lag_seconds=0.0 if running else None,
            pending=self.pending[source] if running else None,
            as_of=self.measured_at if running else None,
        )

    def start_flow(self, source: Environment, *, since: datetime | None) -> None:
        """Start it from that time on, or where it stopped."""
        if since is not None:
            self.read_to[source] = sum(at < since for at, _ in self.logs[source])
        self.flows[source] = FlowStatus.RUNNING

    def stop_flow(self, source: Environment) -> None:
        """Stop it."""
        self.flows[source] = FlowStatus.STOPPED


@dataclass
class MemoryAlarms:
    """Names of alarms that ring."""

    names: tuple[str, ...] = ()

    def ringing(self) -> Sequence[str]:
        """Return them."""
        return self.names


@dataclass
class MemoryRegister:
    """Two parameters."""

    active_text: str | None = "blue"
    status_text: str = ""

    def active(self) -> Environment:
        """Return whose database takes the writes."""
        if self.active_text is None:
            raise NotFound("the active environment is not registered")
        try:
            return Environment(self.active_text)
        except ValueError as error:
            raise IntegrityError(f"the active environment must be blue or green, got {self.active_text!r}") from error

    def set_active(self, environment: Environment) -> None:
        """Register it."""
        self.active_text = str(environment)

    def status(self) -> str:
        """Return the published status."""
        return self.status_text

    def set_status(self, text: str) -> None:
        """Publish it."""
        self.status_text = text


class MemoryLedger:
    """One record with a version."""

    def __init__(self) -> None:
        self._record = Record()

    def read(self) -> Record:
        """Return the newest record."""
        return self._record

    def acquire(self, owner: str, *, now: datetime, until: datetime) -> Record:
        """Take the lease."""
        held = self._record
        if held.until is not None and held.until > now and held.owner != owner:
            raise Conflict(f"{held.owner} is moving until {held.until:%H:%M:%S} UTC; try again then")
        return self.save(replace(held, owner=owner, until=until))

    def save(self, record: Record) -> Record:
        """Write over the same version."""
        if record.version != self._record.version:
            raise LeaseLost("another mover has taken the lease; this run ends")
        self._record = replace(record, version=record.version + 1)
        return self._record


def memory_world(clock: Clock) -> World:
    """Return a new world: blue is active and green follows it."""
    return World(
        traffic=MemoryTraffic(),
        databases=MemoryDatabases(clock),
        alarms=MemoryAlarms(),
        register=MemoryRegister(),
        ledger=MemoryLedger(),
        clock=clock,
    )
