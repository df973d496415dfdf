"""Dates and figures that AWS publishes: runtimes, engine versions, instance classes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

# Memory in GiB of the smallest size of a class family; each larger size is a multiple of it.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.DBInstanceClass.Summary.html
_MEMORY_OF_LARGE = {"r": 16, "x2g": 64, "t": 8, "m": 8}
_SIZES = {"small": 0.25, "medium": 0.5, "large": 1, "xlarge": 2}

# Local storage for temporary tables in GiB, by class.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.Performance.html
_LOCAL_STORAGE = {"db.t3.medium": 7.5, "db.t4g.medium": 8.13, "db.t3.large": 15, "db.t4g.large": 16.53}

# Largest capacity to the default limit of connections of Aurora MySQL Serverless v2.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html
_CONNECTIONS_BY_CAPACITY = {1: 90, 4: 135, 8: 1000, 16: 2000, 32: 3000, 64: 4000, 128: 5000, 192: 6000, 256: 6000}


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


def memory_gib(instance_class: str) -> float | None:
    """Return the memory of `db.r6g.large` and its like; None for a class that is not known."""
    parts = instance_class.removeprefix("db.").split(".")
    if len(parts) != 2:
        return None
    family, size = parts
    base = next((gib for name, gib in _MEMORY_OF_LARGE.items() if family.startswith(name)), None)
    if base is None:
        return None
    if size in _SIZES:
        return base * _SIZES[size]
    count = size.removesuffix("xlarge")
    return base * 2 * int(count) if size.endswith("xlarge") and count.isdigit() else None


def local_storage_gib(instance_class: str) -> float | None:
    """Return the local storage for temporary tables, where it is documented."""
    return _LOCAL_STORAGE.get(instance_class)


def mysql_connections(instance_class: str) -> int | None:
    """Return the default max_connections of Aurora MySQL on a class; None for a class that is not known.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Managing.Performance.html
    """
    gib = memory_gib(instance_class)
    if gib is None:
        return None
    return int(math.log2(gib / 8) * 1000) if gib >= 16 else {2: 45, 4: 90, 8: 135}.get(round(gib))


def serverless_connections(capacity: float) -> int:
    """Return how many connections Aurora MySQL Serverless v2 surely allows at a largest capacity."""
    return max((limit for units, limit in _CONNECTIONS_BY_CAPACITY.items() if units <= capacity), default=45)


@cache
def _versions() -> dict[str, Any]:
    text = files("holdfast.checks").joinpath("data/versions.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
