from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from holdfast.errors import InvalidRequest
from holdfast.platforms.promises import promises_of, refuse_what_cannot_be_kept
from holdfast.settings.load import load
from holdfast.settings.payment_database import PaymentDatabase

EXAMPLE = Path(__file__).parents[3] / "examples" / "payment-database.yaml"


def settings(**changes: Any) -> PaymentDatabase:
    return PaymentDatabase.model_validate(changes)


def test_example_loads_and_its_promises_can_be_kept() -> None:
    found = load(EXAMPLE, environ={})
    assert isinstance(found, PaymentDatabase)
    assert found.copies.gap == timedelta(hours=24)
    refuse_what_cannot_be_kept(found)


def test_copies_are_part_of_the_recovery_point() -> None:
    (rpo,) = [one for one in promises_of(load(EXAMPLE, environ={}), ()) if one.name == "rpo"]
    assert "up to 24h old" in rpo.sum
    (alone,) = [one for one in promises_of(settings(), ()) if one.name == "rpo"]
    assert "nothing is copied elsewhere" in alone.sum


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"region": "us-west-1"}, "region us-west-1 has 2 availability zones and 3 are needed"),
        ({"network": {"cidr": "10.0.0.0/22"}}, "network.cidr 10.0.0.0/22 has room for 4 subnets of /24 and 6"),
        ({"network": {"cidr": "10.0.0.0/8"}}, "between /16 and /28"),
        ({"database": {"engine_version": "15.7"}}, "on offer: 15.10"),
        ({"database": {"instance_class": "db.serverless"}}, "as in db.r6g.large"),
        ({"database": {"username": "admin"}}, "database.username admin is reserved by aurora-postgresql"),
        ({"database": {"username": "pg_owner"}}, "pg_owner is reserved"),
        ({"database": {"readers": 16}}, "less than or equal to 15"),
        ({"database": {"most_readers": 2}}, "database.most_readers 2 must be above database.readers 2"),
        ({"database": {"backup_days": 0}}, "greater than or equal to 1"),
        ({"copies": {"schedule": "cron(0 6 1 * ? *)"}}, "must run every 6 days or more often"),
        ({"copies": {"schedule": "daily"}}, "cron"),
        (
            {"database": {"instance_class": "db.t3.medium"}, "alarms": {"local_storage_bytes": 10737418240}},
            "is not below the 7.5 GiB that db.t3.medium has",
        ),
        ({"alarms": {"connections": 1802}}, "is not below the 1802 that db.r6g.large allows"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        settings(**changes)


def test_lone_writer_breaks_its_promises_before_synthesis() -> None:
    with pytest.raises(InvalidRequest, match=r"promises\.failover is 2m but these settings give 10m 5s: 10m to detect"):
        refuse_what_cannot_be_kept(settings(database={"readers": 0}))
