"""What a rehearsal asks of an embedded AWS; `embedded/` holds the one adapter, chosen by `embedded_aws()`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, Self

from holdfast.errors import PromiseNotMet

REHEARSAL_REGIONS = ("us-east-1", "us-west-2")
REHEARSAL_ACCOUNT = "123456789012"


class Support(StrEnum):
    """How much of a resource type an embedded AWS gives."""

    REAL = "real"  # created, and it acts: a queue delivers, a function runs
    RECORDED = "recorded"  # created and read back, but nothing acts on it: a security group filters no packet
    REFUSED = "refused"  # creating it fails by name


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One error answer, given to the requests that match instead of the real one.

    `operation` None matches every operation of the service; `skip` lets that many matching requests through first.
    `error` is the service's own code ("ProvisionedThroughputExceededException", "SlowDown", "ExpiredToken"), or
    "ConnectionReset" to drop the connection before anything is done, or "AnswerLost" to do it and drop the answer.
    """

    service: str
    error: str
    operation: str | None = None
    region: str | None = None
    times: int = 1
    skip: int = 0


class FaultNeverFired(PromiseNotMet):
    """A test injected a fault that no request met: what it meant to prove was not exercised."""


class Injection(Protocol):
    """A fault in place."""

    @property
    def fired(self) -> int:
        """Return how many requests it has answered so far."""


@dataclass(frozen=True, kw_only=True)
class Replicated:
    """One object version that replication carried, or failed to carry, to its replica."""

    bucket: str
    key: str
    version_id: str
    replica_bucket: str
    put_at: float  # seconds since the epoch, at the source
    replica_at: float | None  # None: refused, or lost with its region
    status: str  # COMPLETED, FAILED or LOST
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ReplicationState:
    """Where replication stands: what waits, and what has become of the rest, oldest first."""

    lag_seconds: float
    paused: bool
    pending: int
    oldest_pending_at: float | None
    finished: tuple[Replicated, ...]


@dataclass(frozen=True, kw_only=True)
class FunctionRuntime:
    """Which interpreter stood in for the runtime a template asks for."""

    function: str
    region: str
    wanted: str  # "python3.13"
    used: str  # "python3.11.7"

    @property
    def same(self) -> bool:
        """Tell whether the interpreter is of the version the template names."""
        return self.used == self.wanted or self.used.startswith(self.wanted + ".")


@dataclass(frozen=True, kw_only=True)
class NotTested:
    """Something AWS does that this rehearsal cannot show."""

    subject: str
    why: str


class EmbeddedAws(Protocol):
    """One account in two regions on this machine; nothing of it is left after `stop`."""

    account: str
    strict: bool

    @property
    def endpoint(self) -> str:
        """Return the URL every service answers at."""

    @property
    def plain_endpoint(self) -> str:
        """Return the same without TLS; at the strict level, for proving that it is refused."""

    def start(self) -> Self:
        """Bring it up on a free loopback port; return once it answers."""

    def stop(self) -> None:
        """End every process it started and remove every file; safe to repeat."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def client(self, service: str, region: str) -> Any:
        """Return a boto3 client of the account's root; one for each service and region."""

    def environment(self, region: str) -> dict[str, str]:
        """Return what a process of the operator's needs in its environment to reach this AWS."""

    def support(self, resource_types: Sequence[str]) -> dict[str, Support]:
        """Tell for each type whether it is real, recorded only, or refused."""

    def runtimes(self) -> list[FunctionRuntime]:
        """List each deployed function with the interpreter that runs it."""

    def attributes(self, stack: str, region: str) -> Mapping[str, Mapping[str, Any]]:
        """Return what Fn::GetAtt yields for each resource of a deployed stack."""

    def fire(self, rule_name: str, region: str, *, at: datetime | None = None) -> int:
        """Invoke the targets of a scheduled rule as its schedule would; return how many.

        `at` is the time the event carries, so that a rehearsal may play several days; now without it.
        """

    def kill_functions(self, region: str, function: str | None = None) -> int:
        """End the processes of one function, or of all, as a crash would; return how many."""

    def inject(self, fault: Fault) -> AbstractContextManager[Injection]:
        """Answer matching requests with an error inside the block; raise FaultNeverFired if none came."""

    def set_replication(self, *, lag_seconds: float | None = None, paused: bool | None = None) -> None:
        """Set how long an object waits before it is copied, and whether copying stands still."""

    def replication(self) -> ReplicationState:
        """Return what has been replicated, with both times, and what waits."""

    def lose_region(self, region: str) -> None:
        """From now on answer nothing in `region`: functions there die, objects not yet replicated are lost."""

    def restore_region(self, region: str) -> None:
        """Answer in `region` again, with what it held; what it failed to replicate stays unreplicated."""

    def requests(self) -> Mapping[str, int]:
        """Count the requests answered so far, by "service.Operation"."""

    def census(self) -> Mapping[str, Sequence[str]]:
        """List the keys of all records that the services hold, by "service.store", to tell what a deletion left."""

    def process_ids(self) -> list[int]:
        """List the processes it runs now, so that their memory can be measured."""

    def not_tested(self) -> list[NotTested]:
        """List what this AWS cannot show; a report must print it."""
