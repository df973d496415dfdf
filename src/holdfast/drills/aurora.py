"""An Aurora cluster for the failover drill, through the RDS API."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.drills.failover import ClusterState
from holdfast.errors import NotFound

if TYPE_CHECKING:
    from typing import Any

CONNECT_SECONDS = 2.0


class AuroraCluster:
    """One cluster by its identifier; `probe` tries its writer endpoint from here, which must have a way to it."""

    def __init__(self, name: str, clients: Clients, *, region: str | None = None, probe: bool = True) -> None:
        self.name = name
        self._rds: Any = clients("rds", region)
        self._probe = probe
        self._endpoint: tuple[str, int] | None = None

    def state(self) -> ClusterState:
        """Return how it is now.

        Raises:
            NotFound: there is no such cluster.
        """
        with aws_errors(f"cluster {self.name}"):
            found = self._rds.describe_db_clusters(DBClusterIdentifier=self.name)["DBClusters"]
        if not found:
            raise NotFound(f"no cluster {self.name!r} in this region; is it another region's?")
        cluster = found[0]
        if cluster.get("Endpoint"):
            self._endpoint = (cluster["Endpoint"], int(cluster.get("Port") or 0))
        members = cluster.get("DBClusterMembers", [])
        return ClusterState(
            status=cluster["Status"],
            writer=next((one["DBInstanceIdentifier"] for one in members if one["IsClusterWriter"]), None),
            readers=tuple(one["DBInstanceIdentifier"] for one in members if not one["IsClusterWriter"]),
        )

    def fail_over(self) -> None:
        """Ask RDS to promote a reader."""
        with aws_errors(f"failover of {self.name}"):
            self._rds.failover_db_cluster(DBClusterIdentifier=self.name)

    def answers(self) -> bool | None:
        """Return whether the writer endpoint takes a TCP connection; its name is resolved anew each time."""
        if not self._probe or self._endpoint is None:
            return None
        with suppress(OSError), socket.create_connection(self._endpoint, timeout=CONNECT_SECONDS):
            return True
        return False
