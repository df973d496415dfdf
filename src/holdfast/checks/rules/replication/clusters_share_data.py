"""REP007."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.colours import blue_and_green
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.system import System
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import is_undecided


class ClustersShareData(SystemRule):
    """A blue and a green database share their data: something carries writes from one to the other.

    Two independent clusters and a switch of traffic lose every write made before it. A replication task, a global
    cluster or replication from the other counts.
    """

    id = "REP007"
    severity = Severity.WARNING
    remediation = "Use an RDS blue-green deployment, AWS DMS or binlog replication from blue to green."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/blue-green-deployments-overview.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Look at pairs of clusters that are called blue and green."""
        pair = blue_and_green(system, "AWS::RDS::DBCluster", "DBClusterIdentifier")
        if pair is None:
            return
        blue, green = pair
        if system.resources("AWS::DMS::ReplicationTask", "AWS::DMS::ReplicationConfig"):
            return
        origins = [green.get(name) for name in ("ReplicationSourceIdentifier", "SourceDBClusterIdentifier")]
        if green.get("GlobalClusterIdentifier") is not None or any(system.find(o) is blue for o in origins):
            return
        unknown = next((origin for origin in origins if is_undecided(origin)), None)
        if unknown is not None:
            yield self.undecided(green, "ReplicationSourceIdentifier", unknown)
        else:
            message = (
                f"nothing carries data from {blue.logical_id} to it: after the switch every earlier write is missing"
            )
            yield self.violated(green, "", message)
