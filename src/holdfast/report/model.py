"""What a rehearsal found out, as values: `rehearsal.json` is this and nothing else; `html.py` draws it.

Times on the run's own clock are seconds since its start. Sizes are bytes. Durations are seconds. Texts may hold hostile
file names: whoever prints them escapes them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT = 1
JSON_NAME = "rehearsal.json"
HTML_NAME = "report.html"

Figure = int | float | str
"""A number with its unit in the figure's name (`stored_bytes`, `lag_seconds`), or a short text."""


class Evidence(StrEnum):
    """Where the proof of a promise comes from."""

    DERIVED = "derived"
    MEASURED = "measured"
    UNPROVEN = "unproven"


class Verdict(StrEnum):
    """What the whole run says."""

    HELD = "held"
    NOT_MET = "not met"
    INCOMPLETE = "incomplete"


class Mark(StrEnum):
    """What an event means for the data: it colours the timeline."""

    FAULT = "fault"
    GOOD = "good"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One promise with its verdict; `met` is None when nothing proved or disproved it."""

    name: str
    promised: str
    value: str
    evidence: Evidence
    met: bool | None
    how: str
    partly: str = ""  # what of the promise this evidence does not show; empty: all of it
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the run; `at` is its start."""

    name: str
    seconds: float
    figures: Mapping[str, Figure] = field(default_factory=dict)
    at: float = 0.0
    says: str = ""  # the key figures as one line for people


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One thing that was tried on purpose, what should happen and what did."""

    name: str
    expected: str
    observed: str
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Event:
    """A moment worth a mark on the timeline."""

    at: float
    what: str
    mark: Mark = Mark.NOTE


@dataclass(frozen=True, kw_only=True)
class Series:
    """A curve; `points` are (x, y) in the units named."""

    title: str
    x_unit: str
    y_unit: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One daily run: what its snapshots say they read and stored."""

    name: str
    snapshots: int
    files: int
    logical_bytes: int  # of every file in the snapshots
    read_bytes: int  # read from the source: unchanged files are not
    unique_bytes: int  # new plaintext chunks
    stored_bytes: int  # compressed and encrypted, with footers
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Use:
    """What one user, host or snapshot uses, or all that are not listed; the shares add up to what is stored."""

    name: str
    snapshots: int
    raw_bytes: int  # what the snapshots hold, each counted whole
    distinct_bytes: int | None  # plaintext without repetition; None: of several, which overlap
    stored_bytes: int | None  # what that takes, compressed and encrypted
    share_bytes: int  # own_bytes, and an equal part of what others use too
    own_bytes: int  # what nobody else uses


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What the repository held after a snapshot, all snapshots until then together; `seconds` since the first."""

    seconds: float
    snapshots: int
    raw_bytes: int
    distinct_bytes: int
    stored_bytes: int


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Who uses what of a repository, and what deduplication and compression saved."""

    by: str  # what the groups are: user, host or snapshot
    groups: int
    largest: Sequence[Use]  # by share, largest first
    rest: Use | None  # all other groups together
    total: Use
    growth: Sequence[Growth]  # oldest first, the last is the total


@dataclass(frozen=True, kw_only=True)
class ReadBackRow:
    """One promised property, as the template wants it and as the service's API answers."""

    resource: str
    type: str
    property: str
    wanted: str
    got: str
    verdict: str  # same | different | not echoed
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Untested:
    """Something the rehearsal cannot show, and why."""

    subject: str
    why: str


@dataclass(frozen=True, kw_only=True)
class EvidenceFile:
    """A file beside the report that backs its figures."""

    name: str
    what: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """A rehearsal's whole result. A report that is not `complete` says in `stopped` why, and is no verdict."""

    platforms: Sequence[str]
    promises: Sequence[Promise]
    steps: Sequence[Step]
    format: int = FORMAT
    holdfast: str
    started: str  # ISO 8601, UTC
    seconds: float
    complete: bool
    stopped: str = ""
    command: str = ""
    summary: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    trials: Sequence[Trial] = ()
    events: Sequence[Event] = ()
    backups: Sequence[Backup] = ()
    replication_lag: Sequence[float] = ()  # seconds, one for each object replicated, sorted
    series: Mapping[str, Series] = field(default_factory=dict)
    usage: Usage | None = None
    read_back: Sequence[ReadBackRow] = ()
    untested: Sequence[Untested] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    evidence: Sequence[EvidenceFile] = ()

    @property
    def verdict(self) -> Verdict:
        """Held only if the run was complete, nothing promised was disproved and every trial passed."""
        if any(promise.met is False for promise in self.promises) or not all(trial.passed for trial in self.trials):
            return Verdict.NOT_MET
        return Verdict.HELD if self.complete else Verdict.INCOMPLETE

    @property
    def met(self) -> int:
        """Return how many promises were shown to hold."""
        return sum(promise.met is True for promise in self.promises)


@functools.cache
def _adapter() -> TypeAdapter[Report]:
    from pydantic import TypeAdapter

    return TypeAdapter(Report)


def to_json(report: Report) -> bytes:
    """Return the report as UTF-8 JSON; `from_json` gives back an equal report."""
    return _adapter().dump_json(report, indent=2) + b"\n"


def from_json(data: bytes, *, name: str = JSON_NAME) -> Report:
    """Return the report in `data`; keys this Holdfast does not know are ignored.

    Raises:
        InvalidRequest: not JSON, a key missing or of a wrong type, or a newer format.
    """
    from pydantic import ValidationError

    try:
        report = _adapter().validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidRequest(f"{name}: {where}: {first['msg']}; run the rehearsal again") from error
    if report.format > FORMAT:
        raise InvalidRequest(f"{name}: format {report.format} is newer than this Holdfast's {FORMAT}; update Holdfast")
    return report


def load(directory: Path) -> Report:
    """Return the report of a rehearsal's folder.

    Raises:
        NotFound: the folder holds no `rehearsal.json`.
    """
    path = directory / JSON_NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"{path} does not exist; name the folder given to `holdfast rehearse --out`") from error
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror}; name the folder given to `holdfast rehearse --out`") from error
    return from_json(data, name=str(path))
