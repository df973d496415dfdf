"""What a drill measured, and whether it keeps what was promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from holdfast.settings.quantities import read_duration

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One promise's figure: how long it took, how that was measured, and what the figure leaves out."""

    name: Literal["rpo", "rto", "failover"]
    took: timedelta
    how: str
    partly: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill. `problems` are what did not come back as it should have; with any, the drill has failed."""

    name: str
    target: str
    started: datetime
    measured: Sequence[Measured]
    problems: Sequence[str] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


def verdict(one: Measured, promised: timedelta | None) -> bool | None:
    """Return whether the figure keeps the promise; None if nothing was promised."""
    return None if promised is None else one.took <= promised


def held(drill: Drill, promised: Mapping[str, timedelta | None]) -> bool:
    """Return whether everything came back and every promise that was measured is kept."""
    return not drill.problems and all(verdict(one, promised.get(one.name)) is not False for one in drill.measured)


def took_text(took: timedelta) -> str:
    """Return a measured time for people: below a minute with a tenth of a second."""
    return f"{took.total_seconds():.1f}s" if took < timedelta(minutes=1) else read_duration(took)


def as_json(drill: Drill, promised: Mapping[str, timedelta | None]) -> dict[str, Any]:
    """Return the drill as `drill.json` holds it; `promises` is what `holdfast promises --measured` reads."""
    return {
        "format": FORMAT,
        "drill": drill.name,
        "target": drill.target,
        "started": drill.started.isoformat(timespec="seconds"),
        "ok": held(drill, promised),
        "promises": [_promise(one, promised.get(one.name)) for one in drill.measured],
        "problems": list(drill.problems),
        "figures": dict(drill.figures),
    }


def _promise(one: Measured, promised: timedelta | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "promised": None if promised is None else read_duration(promised),
        "evidence": "measured",
        "value": took_text(one.took),
        "seconds": one.took.total_seconds(),
        "met": verdict(one, promised),
        "how": one.how,
        "partly": one.partly,
    }
