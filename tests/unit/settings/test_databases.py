from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from holdfast.settings.databases import (
    Cidr,
    DailyWindow,
    DatabaseName,
    InstanceClass,
    LogDays,
    MysqlVersion,
    PostgresqlVersion,
    WeeklyWindow,
    check_room,
    check_subnets,
    check_windows,
    check_zones,
)


def refused(check: Callable[[], object]) -> str:
    with pytest.raises(PydanticCustomError) as caught:
        check()
    return caught.value.message()


@pytest.mark.parametrize(
    ("kind", "good", "bad", "line"),
    [
        (Cidr, "10.30.0.0/16", "10.30.0.1/16", "host bits are zero"),
        (Cidr, "192.168.1.0/24", "8.8.0.0/16", "a private IPv4 range"),
        (Cidr, "100.64.0.0/16", "127.0.0.0/16", "a private IPv4 range"),
        (Cidr, "10.0.0.0/28", "10.0.0.0/8", "between /16 and /28"),
        (Cidr, "10.0.0.0/28", "fd00::/48", "IPv4"),
        (DailyWindow, "23:30-00:30", "3:00-4:00", "hh:mm-hh:mm"),
        (WeeklyWindow, "sun:23:30-mon:00:30", "sunday:04:00-sunday:05:00", "ddd:hh:mm"),
        (LogDays, 7, 8, "1, 3, 5, 7, 14"),
        (LogDays, 1, True, "CloudWatch Logs can keep"),
        (InstanceClass, "db.r6g.large", "r6g.large", "as in db.r6g.large"),
        (InstanceClass, "db.r7g.16xlarge", "db.serverless", "as in db.r6g.large"),
        (DatabaseName, "saasdb", "1db", "a letter"),
        (PostgresqlVersion, "15.10", "15.7", "on offer: 15.10"),
        (PostgresqlVersion, "15.17", 15.1, "text in quotes"),
        (MysqlVersion, "8.0.mysql_aurora.3.10.4", "8.0.mysql_aurora.3.04.0", "on offer: 8.0"),
    ],
)
def test_value_is_taken_or_refused_with_what_is_allowed(kind: Any, good: Any, bad: Any, line: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    assert adapter.validate_python(good) == good
    with pytest.raises(ValidationError, match=line):
        adapter.validate_python(bad)


def test_subnets_lie_in_the_network_and_apart() -> None:
    check_subnets("10.30.0.0/16", ["10.30.10.0/24", "10.30.20.0/24"], zones=2, key="network.subnets")
    outside = refused(lambda: check_subnets("10.30.0.0/16", ["10.31.0.0/24"], zones=1, key="network.subnets"))
    assert outside == "network.subnets 10.31.0.0/24 does not lie in 10.30.0.0/16: choose a part of it"
    overlapping = refused(lambda: check_subnets("10.30.0.0/16", ["10.30.0.0/20", "10.30.8.0/24"], zones=2, key="s"))
    assert overlapping == "s 10.30.8.0/24 overlaps 10.30.0.0/20: choose ranges that lie apart"


def test_network_has_room_for_its_subnets() -> None:
    check_room("10.0.0.0/21", subnets=8, bits=24, key="network.cidr")
    tight = refused(lambda: check_room("10.0.0.0/22", subnets=6, bits=24, key="network.cidr"))
    assert tight == "network.cidr 10.0.0.0/22 has room for 4 subnets of /24 and 6 are needed: widen it"
    assert "room for 0" in refused(lambda: check_room("10.0.0.0/26", subnets=1, bits=24, key="network.cidr"))


@pytest.mark.parametrize(
    ("daily", "weekly"),
    [
        ("03:00-04:00", "sun:04:00-sun:05:00"),
        ("23:45-00:45", "sat:00:45-sat:02:00"),
        ("03:00-03:30", "mon:03:30-mon:04:00"),
    ],
)
def test_windows_side_by_side_are_taken(daily: str, weekly: str) -> None:
    check_windows(daily, weekly)


@pytest.mark.parametrize(
    ("daily", "weekly"),
    [
        ("03:00-04:00", "sun:03:59-sun:05:00"),
        ("23:30-00:30", "sun:00:00-sun:00:30"),
        ("03:00-04:00", "sun:23:30-mon:03:01"),
        ("12:00-13:00", "mon:00:00-tue:12:00"),
    ],
)
def test_windows_that_overlap_are_refused(daily: str, weekly: str) -> None:
    assert "overlaps" in refused(lambda: check_windows(daily, weekly))


def test_window_shorter_than_half_an_hour_is_refused() -> None:
    assert "lasts 29 minutes" in refused(lambda: check_windows("03:00-03:29", "sun:04:00-sun:05:00"))
    assert "lasts 0 minutes" in refused(lambda: check_windows("03:00-04:00", "sun:05:00-sun:05:00"))


def test_region_without_the_zones_is_refused() -> None:
    check_zones("us-east-1", 3)
    check_zones("us-west-1", 2)
    assert refused(lambda: check_zones("us-west-1", 3)) == (
        "region us-west-1 has 2 availability zones and 3 are needed: choose another region"
    )
