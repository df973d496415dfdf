"""Dates that AWS publishes: runtimes, engine versions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Runtime:
    """The end of a Lambda runtime; None where AWS has set no date."""

    deprecated: date | None
    creation_blocked: date | None
    update_blocked: date | None


def runtime(name: str) -> Runtime | None:
    """Return the dates of a Lambda runtime; None for one that is not listed."""
    dates = _versions()["runtimes"].get(name)
    return Runtime(*(date.fromisoformat(text) if text else None for text in dates)) if dates else None


def retired(engine: str, version: str) -> bool:
    """Tell whether a version of an Aurora engine can no longer be created."""
    return version in _versions()["retired"].get(engine, ())


def support_end(engine: str, version: str) -> date | None:
    """Return the last day of standard support of a version, where it is known; the longest prefix counts."""
    ends: dict[str, str] = _versions()["support_ends"].get(engine, {})
    matches = [prefix for prefix in ends if version == prefix or version.startswith(f"{prefix}.")]
    return date.fromisoformat(ends[max(matches, key=len)]) if matches else None


def long_term(engine: str, version: str) -> bool:
    """Tell whether a version is one of long-term support, on which automatic minor upgrades are advised off."""
    prefixes = {
        "aurora-mysql": ("8.0.mysql_aurora.3.04", "8.0.mysql_aurora.3.10"),
        "aurora-postgresql": ("15.10", "16.8"),
    }
    return any(version == prefix or version.startswith(f"{prefix}.") for prefix in prefixes.get(engine, ()))


@cache
def _versions() -> dict[str, Any]:
    text = files("holdfast.checks").joinpath("data/versions.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
