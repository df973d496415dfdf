from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from holdfast.errors import InvalidRequest
from holdfast.platforms.promises import refuse_what_cannot_be_kept
from holdfast.settings.load import load
from holdfast.settings.serverless_database import ServerlessDatabase

EXAMPLE = Path(__file__).parents[3] / "examples" / "serverless-database.yaml"


def settings(**changes: Any) -> ServerlessDatabase:
    return ServerlessDatabase.model_validate(changes)


def test_example_loads_and_its_promises_can_be_kept() -> None:
    found = load(EXAMPLE, environ={})
    assert isinstance(found, ServerlessDatabase)
    refuse_what_cannot_be_kept(found)


@pytest.mark.parametrize(
    ("most", "capacity", "connections"), [(2.0, 1.5, 67), (4.0, 3.0, 100), (8.0, 6.0, 100), (256.0, 192.0, 100)]
)
def test_thresholds_follow_the_largest_capacity(most: float, capacity: float, connections: int) -> None:
    found = settings(database={"min_capacity": 0.5, "max_capacity": most})
    assert (found.capacity_threshold, found.connection_threshold) == (capacity, connections)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"database": {"min_capacity": 5}}, "max_capacity 4 is below database.min_capacity 5: raise it"),
        ({"database": {"min_capacity": 0.5, "max_capacity": 0.5}}, "must be 1 or more"),
        ({"database": {"max_capacity": 2.3}}, "steps of 0.5, 0.5 to 256"),
        ({"database": {"max_capacity": 257}}, "0.5 to 256"),
        ({"database": {"max_capacity": True}}, "0.5 to 256"),
        ({"database": {"readers": 16}}, "less than or equal to 15"),
        ({"database": {"backup_days": 36}}, "less than or equal to 35"),
        ({"database": {"logs": ["error", "error"]}}, "names a log twice: error, error"),
        ({"database": {"username": "rdsadmin"}}, "database.username rdsadmin is reserved by aurora-mysql"),
        ({"database": {"logs": ["general"]}}, "database.logs must hold error"),
        ({"database": {"engine_version": "8.0.mysql_aurora.3.04.0"}}, "on offer"),
        ({"database": {"backup_window": "04:30-05:30"}}, "overlaps database.maintenance_window"),
        ({"network": {"subnets": ["10.30.1.0/24"]}}, "network.subnets must be 2 ranges, one a zone, got 1"),
        ({"network": {"subnets": ["10.31.1.0/24", "10.30.2.0/24"]}}, "does not lie in 10.30.0.0/16"),
        ({"network": {"subnets": ["10.30.1.0/24", "10.30.1.0/25"]}}, "overlaps 10.30.1.0/24"),
        ({"alarms": {"capacity": 2}}, "above database.min_capacity 2"),
        ({"alarms": {"connections": 135}}, "alarms.connections must be below 135, which 4 ACU allow, got 135"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        settings(**changes)


@pytest.mark.parametrize(
    ("promises", "line"),
    [
        ({"retention": "6d"}, "promises.retention is 6d but these settings give 5d: automated backups of 5 days"),
        ({"failover": "1m"}, "promises.failover is 1m but these settings give 1m 5s: 1m to detect"),
        ({"rpo": "1m"}, "promises.rpo is 1m but these settings give 5m"),
        ({"availability": "99.999%"}, "2 instances over 2 zones: 99.99% a month"),
    ],
)
def test_promise_the_topology_cannot_keep_is_refused_with_its_sum(promises: dict[str, str], line: str) -> None:
    with pytest.raises(InvalidRequest, match=line):
        refuse_what_cannot_be_kept(settings(promises=promises))


def test_promises_a_file_leaves_out_are_those_of_a_database() -> None:
    found = settings(promises={"rto": "1h"}).promises
    assert (found.retention, found.rpo) == (timedelta(days=5), timedelta(minutes=5))
