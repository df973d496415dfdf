"""Measurements of rehearsals and drills beside what is derived."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from holdfast.errors import InvalidRequest
from holdfast.platforms.promises import Promise
from holdfast.settings.platform import PlatformSettings

JUDGED = ("rpo", "rto", "failover")
SECONDS = ("seconds", "window_seconds")
"""Where a rehearsal's figures hold the time of a promise; a drill's promise holds `seconds` itself."""


RESTORED = ("restore", "region-loss")
KEEPS_A_REPOSITORY = ("backup-vault", "backup-archive")
"""Platforms that a drill which restores a repository says something about."""


@dataclass(frozen=True, slots=True)
class _Measurement:
    name: str
    took: timedelta
    value: str
    told: str


def with_measurements(promises: Sequence[Promise], settings: PlatformSettings, files: Sequence[Path]) -> list[Promise]:
    """Return the promises with what was measured: it proves what could not be derived, and refutes what was.

    A figure that was derived is a bound and a measurement is one moment, so a good measurement does not replace it.

    Raises:
        InvalidRequest: a file is no measurement, is of another platform, or its rehearsal was not complete.
    """
    found = list(promises)
    measured = [one for file in files for one in _read(file, settings)]
    for one in sorted(measured, key=lambda each: each.took):  # the worst comes last, and stands
        found = [_beside(promise, one, settings) if promise.name == one.name else promise for promise in found]
    return found


def _beside(promise: Promise, one: _Measurement, settings: PlatformSettings) -> Promise:
    limit: timedelta | None = getattr(settings.promises, one.name)
    met = None if limit is None else one.took <= limit
    told = f"{one.told}; {promise.sum}"
    if promise.evidence in ("unproven", "measured") or (met is False and promise.met):
        return replace(promise, value=one.value, evidence="measured", met=met, sum=told)
    return replace(promise, sum=told)


def _read(file: Path, settings: PlatformSettings) -> list[_Measurement]:
    try:
        data = json.loads(file.read_bytes())
        promises, started = data["promises"], data["started"]
    except OSError as error:
        raise InvalidRequest(f"cannot read {str(file)!r}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        what = "is neither a rehearsal.json nor what `holdfast drill --out` writes"
        raise InvalidRequest(f"{str(file)!r} {what}") from error
    if settings.platform not in data.get("platforms", [settings.platform]):
        raise InvalidRequest(f"{str(file)!r} is of {', '.join(data['platforms'])}, not of {settings.platform}")
    if data.get("complete") is False:
        raise InvalidRequest(f"{str(file)!r} is of a rehearsal that was not completed; rehearse again")
    if data.get("drill") in RESTORED and settings.platform not in KEEPS_A_REPOSITORY:
        raise InvalidRequest(f"{str(file)!r} measured a repository, and {settings.platform} keeps none")
    by = f"`holdfast drill {data['drill']}` of {data['target']}" if "drill" in data else "a rehearsal"
    return [
        _Measurement(one["name"], took, one["value"], f"measured by {by} on {started[:10]}: {one['value']}")
        for one in promises
        if one.get("evidence") == "measured" and one.get("name") in JUDGED and (took := _took(one)) is not None
    ]


def _took(promise: Mapping[str, Any]) -> timedelta | None:
    figures = {**promise.get("figures", {}), **promise}
    seconds = next((figures[name] for name in SECONDS if isinstance(figures.get(name), int | float)), None)
    return None if seconds is None else timedelta(seconds=seconds)
