from __future__ import annotations

import pytest

from holdfast.settings.instance_classes import (
    local_storage_gib,
    memory_gib,
    mysql_connections,
    postgresql_connections,
    serverless_connections,
)


@pytest.mark.parametrize(
    ("name", "gib"),
    [
        ("db.t3.medium", 4),
        ("db.r6g.large", 16),
        ("db.r7g.2xlarge", 64),
        ("db.r6g.16xlarge", 512),
        ("db.serverless", None),
    ],
)
def test_memory_follows_family_and_size(name: str, gib: float | None) -> None:
    assert memory_gib(name) == gib


@pytest.mark.parametrize(("name", "limit"), [("db.r6g.large", 1802), ("db.r6g.4xlarge", 5000), ("db.odd", None)])
def test_connections_of_postgresql_follow_memory_up_to_five_thousand(name: str, limit: int | None) -> None:
    assert postgresql_connections(name) == limit


def test_connections_of_mysql_are_the_documented_defaults() -> None:
    assert [mysql_connections(f"db.{size}") for size in ("t3.medium", "r6g.large", "r6g.xlarge")] == [90, 1000, 2000]
    assert [serverless_connections(most) for most in (1, 2, 4, 256)] == [90, 90, 135, 6000]


def test_local_storage_is_known_where_it_is_small() -> None:
    assert (local_storage_gib("db.t3.medium"), local_storage_gib("db.r6g.large")) == (7.5, None)
