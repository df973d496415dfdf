"""What a cutover needs of the world. Every write is absolute: repeating it changes nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from holdfast.cutover.state import Environment, Record, Weights


class Clock(Protocol):
    """Time, UTC."""

    def now(self) -> datetime:
        """Return the time, aware."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Traffic(Protocol):
    """The load balancer."""

    def weights(self) -> Weights:
        """Return the live weights."""

    def set_weights(self, weights: Weights) -> None:
        """Make these the live weights."""

    def healthy(self, environment: Environment) -> int:
        """Return how many targets of that side are healthy."""


class FlowStatus(StrEnum):
    """What change data capture is doing."""

    RUNNING = "running"
    STOPPED = "stopped"
    CHANGING = "changing"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Change data capture in one direction. None: no measurement. `as_of` is when the newest measured period began."""

    status: FlowStatus
    lag_seconds: float | None = None
    pending: float | None = None
    as_of: datetime | None = None
    tables_in_error: int = 0


class Fence(StrEnum):
    """Whether clients may write to a cluster; `OPENING`, `CLOSING`: asked for, not in force yet."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    OPENING = "opening"

    @property
    def lets_writes_in(self) -> bool:
        """Whether nobody has asked for it to be closed."""
        return self in (Fence.OPEN, Fence.OPENING)


class Databases(Protocol):
    """Both clusters and the flow between them."""

    def fence(self, environment: Environment) -> Fence:
        """Return whether clients may write there."""

    def set_fence(self, environment: Environment, *, closed: bool) -> None:
        """Ask for it; `fence` tells when it is in force."""

    def flow(self, source: Environment) -> Flow:
        """Return the state of the flow out of `source`."""

    def start_flow(self, source: Environment, *, since: datetime | None) -> None:
        """Ask for the flow out of `source` from that time on; None: from where it stopped."""

    def stop_flow(self, source: Environment) -> None:
        """Ask for its end."""


class Alarms(Protocol):
    """The alarms a cutover watches."""

    def ringing(self) -> Sequence[str]:
        """Return the names of those in alarm; one that does not exist counts as ringing, with `(missing)` behind it."""


class Register(Protocol):
    """What operators and applications read."""

    def active(self) -> Environment:
        """Return whose database takes the writes.

        Raises:
            NotFound: nothing is registered.
            IntegrityError: something else is.
        """

    def set_active(self, environment: Environment) -> None:
        """Register it."""

    def status(self) -> str:
        """Return the published migration status; empty before the first."""

    def set_status(self, text: str) -> None:
        """Publish it."""


class Ledger(Protocol):
    """The state item. Every write is conditional on the version read."""

    def read(self) -> Record:
        """Return the newest record."""

    def acquire(self, owner: str, *, now: datetime, until: datetime) -> Record:
        """Take the lease, or renew one's own, and return the record as of then.

        Raises:
            Conflict: somebody else holds it.
        """

    def save(self, record: Record) -> Record:
        """Write the record over the version it has and return it with the new one; an ended `until` gives up the lease.

        Raises:
            LeaseLost: another version is there.
        """


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything a cutover reads and changes."""

    traffic: Traffic
    databases: Databases
    alarms: Alarms
    register: Register
    ledger: Ledger
    clock: Clock
