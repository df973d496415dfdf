"""The failover drill against the RDS API of the embedded AWS, which moves the writer and runs no database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdfast.backup.clock import SystemClock
from holdfast.backup.stores.aws.clients import Clients
from holdfast.drills.aurora import AuroraCluster
from holdfast.drills.failover import drill_failover
from holdfast.errors import NotFound
from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.emulator import HOME


@pytest.fixture
def clients(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    for name, value in aws.environment(HOME).items():
        monkeypatch.setenv(name, value)
    made = Clients()
    yield made
    made.close()


def test_reader_becomes_the_writer(aws: EmbeddedAws, clients: Clients) -> None:
    rds = aws.client("rds", HOME)
    rds.create_db_cluster(
        DBClusterIdentifier="drilled", Engine="aurora-mysql", MasterUsername="admin", MasterUserPassword="not-a-secret"
    )
    for name in ("drilled-one", "drilled-two"):
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBClusterIdentifier="drilled",
            Engine="aurora-mysql",
            DBInstanceClass="db.r6g.large",
        )
    cluster = AuroraCluster("drilled", clients, region=HOME, probe=False)
    before = cluster.state()
    drill = drill_failover(cluster, clock=SystemClock(), monotonic=lambda: SystemClock().now().timestamp())
    after = cluster.state()
    assert (after.writer, after.readers) == (before.readers[0], (before.writer,))
    assert drill.measured[0].name == "failover"


def test_cluster_that_does_not_exist_is_named(clients: Clients) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        AuroraCluster("nowhere", clients, region=HOME).state()
