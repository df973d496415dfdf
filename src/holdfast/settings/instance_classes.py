"""Figures that AWS publishes of database instance classes: memory, local storage, connections. Pure."""

from __future__ import annotations

import math

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


def postgresql_connections(instance_class: str) -> int | None:
    """Return the default max_connections of Aurora PostgreSQL on a class; None for a class that is not known.

    The engine counts memory it does not tell of, so that the real limit is some percent lower.
    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.html
    """
    gib = memory_gib(instance_class)
    return None if gib is None else min(5000, int(gib * 1024**3 / 9531392))
