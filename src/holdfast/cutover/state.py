"""What a cutover is: environments, weights, phases, and the record that survives a crash. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from holdfast.errors import IntegrityError, InvalidRequest

FORMAT = 1
REMEMBERED = 10
"""Ended cutovers kept in the record, so that a repeated request finds its answer."""
TOKEN = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
MOST_REASON = 1000
"""Letters of a reason that are kept: the state item has room for 400 KB in all."""
MOST_STATE_BYTES = 4096
"""A standard parameter's limit: https://docs.aws.amazon.com/general/latest/gr/ssm.html"""


class Environment(StrEnum):
    """One of the two sides."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Environment:
        """The other side."""
        return Environment.GREEN if self is Environment.BLUE else Environment.BLUE


class Phase(StrEnum):
    """A state of the world that a cutover wants; see the table in `docs/design/cutover-protocol.md`."""

    SHIFTING = "shifting"
    FREEZING = "freezing"
    REVERSING = "reversing"
    PROMOTING = "promoting"
    ROLLING_BACK = "rolling-back"


class Outcome(StrEnum):
    """How a cutover ended."""

    COMPLETED = "completed"
    ROLLED_BACK = "rolled-back"


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights as the load balancer holds them, 0 to 999 each; what we write sums to 100."""

    blue: int
    green: int

    def of(self, environment: Environment) -> int:
        """Return one side's weight."""
        return self.blue if environment is Environment.BLUE else self.green

    def settled_on(self, environment: Environment) -> bool:
        """Whether that side gets everything."""
        return self.of(environment) > 0 and self.of(environment.other) == 0

    def __str__(self) -> str:
        return f"blue {self.blue}, green {self.green}"


def share(environment: Environment, percent: int) -> Weights:
    """Return weights that give `environment` so many percent and the other side the rest."""
    if not 0 <= percent <= 100:
        raise InvalidRequest(f"a share of traffic must be 0 to 100 percent, got {percent}")
    both = {environment: percent, environment.other: 100 - percent}
    return Weights(both[Environment.BLUE], both[Environment.GREEN])


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed when a cutover started; a deployment meanwhile does not change it."""

    steps: tuple[int, ...] = (10, 50, 100)
    bake: timedelta = timedelta(minutes=10)
    max_lag: timedelta = timedelta(seconds=10)
    min_healthy: int = 1
    hold_limit: timedelta = timedelta(hours=1)
    freeze_limit: timedelta = timedelta(minutes=10)

    def __post_init__(self) -> None:
        if not self.steps or self.steps[-1] != 100 or any(a >= b for a, b in pairwise((0, *self.steps))):
            raise InvalidRequest(f"steps must increase from 1 to 100 and end with 100, got {list(self.steps)}")
        if self.min_healthy < 1:
            raise InvalidRequest(f"min_healthy must be 1 or more, got {self.min_healthy}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutover:
    """A cutover under way.

    `applied` is true once the world was seen as `phase` wants it; `since` is when the phase (or its step) was saved.
    """

    token: str
    source: Environment
    target: Environment
    terms: Terms
    started: datetime
    since: datetime
    phase: Phase = Phase.SHIFTING
    step: int = 0
    applied: bool = False
    frozen_at: datetime | None = None
    reason: str = ""
    waiting: str = ""

    @property
    def weights(self) -> Weights:
        """The weights of this phase."""
        return share(self.target, 0 if self.phase is Phase.ROLLING_BACK else self.terms.steps[self.step])

    @property
    def active(self) -> Environment:
        """Whose database takes the writes in this phase."""
        return self.target if self.phase is Phase.PROMOTING else self.source

    @property
    def may_roll_back(self) -> bool:
        """Whether this phase can be left for a rollback at any time: the target's fence has been closed throughout."""
        return self.phase in (Phase.SHIFTING, Phase.FREEZING, Phase.REVERSING)

    def enter(self, phase: Phase, now: datetime, *, step: int | None = None, reason: str = "") -> Cutover:
        """Return the intent to go to `phase`."""
        step = self.step if step is None else step
        return replace(
            self,
            phase=phase,
            step=step,
            since=now,
            applied=False,
            waiting="",
            reason=(reason or self.reason)[:MOST_REASON],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of a cutover."""

    token: str
    source: Environment
    target: Environment
    outcome: Outcome
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The state item: who may move, the cutover under way, and the ended ones, newest first."""

    version: int = 0
    owner: str = ""
    until: datetime | None = None
    cutover: Cutover | None = None
    ended: tuple[Ended, ...] = field(default=())

    def known(self, token: str) -> bool:
        """Whether this request was made before."""
        return (self.cutover is not None and self.cutover.token == token) or any(e.token == token for e in self.ended)

    def end(self, outcome: Outcome, now: datetime) -> Record:
        """Return the record with its cutover ended."""
        cut = self.cutover
        assert cut is not None
        ended = Ended(token=cut.token, source=cut.source, target=cut.target, outcome=outcome, reason=cut.reason, at=now)
        return replace(self, cutover=None, ended=(ended, *self.ended)[:REMEMBERED])


def checked_token(token: str) -> str:
    """Return the request's token.

    Raises:
        InvalidRequest: it does not fit into the published status.
    """
    if not TOKEN.fullmatch(token):
        raise InvalidRequest(f"a token must be 1 to 64 letters, digits and . _ : / -, got {token[:80]!r}")
    return token


def state_text(record: Record) -> str:
    """Return what is kept of a record beside its lease, as JSON."""
    cutover = asdict(record.cutover) if record.cutover else None
    state = {"format": FORMAT, "cutover": cutover, "ended": [asdict(one) for one in record.ended]}
    return json.dumps(state, default=_plain)


def read_state(text: str) -> tuple[Cutover | None, tuple[Ended, ...]]:
    """Return what `state_text` wrote.

    Raises:
        IntegrityError: not such a text, or of another format.
    """
    try:
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}")
        return _cutover(found["cutover"]), tuple(_ended(one) for one in found["ended"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"the cutover's state item cannot be read ({error}); use the Holdfast that wrote it, or remove the item"
        ) from error


def _plain(value: timedelta | datetime) -> float | str:
    return value.total_seconds() if isinstance(value, timedelta) else value.isoformat()


def _cutover(found: dict[str, Any] | None) -> Cutover | None:
    if found is None:
        return None
    terms = found["terms"]
    spans = {name: timedelta(seconds=terms[name]) for name in ("bake", "max_lag", "hold_limit", "freeze_limit")}
    frozen_at = found["frozen_at"]
    return Cutover(
        **{
            **found,
            **_sides(found),
            "terms": Terms(steps=tuple(terms["steps"]), min_healthy=terms["min_healthy"], **spans),
            "phase": Phase(found["phase"]),
            "started": datetime.fromisoformat(found["started"]),
            "since": datetime.fromisoformat(found["since"]),
            "frozen_at": datetime.fromisoformat(frozen_at) if frozen_at else None,
        }
    )


def _ended(found: dict[str, Any]) -> Ended:
    at = datetime.fromisoformat(found["at"])
    return Ended(**{**found, **_sides(found), "outcome": Outcome(found["outcome"]), "at": at})


def _sides(found: dict[str, Any]) -> dict[str, Environment]:
    return {name: Environment(found[name]) for name in ("source", "target")}
