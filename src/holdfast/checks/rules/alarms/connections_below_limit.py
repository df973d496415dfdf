"""ALM013."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import metrics
from holdfast.checks.databases import cluster_of, flavour, instances_of, settings_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number
from holdfast.settings.instance_classes import mysql_connections, serverless_connections


class ConnectionsBelowLimit(ResourceRule):
    """An alarm on connections goes off before the database refuses them.

    The limit is max_connections of the parameter group, else the default for the class or the largest capacity.
    """

    id = "ALM013"
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = "Set the threshold to 70 to 80 % of the limit the message names."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the threshold with the smallest limit of the databases watched."""
        for metric in metrics(resource):
            if not metric.is_("AWS/RDS", "DatabaseConnections") or isinstance(metric.dimensions, Undecided):
                continue
            if metric.statistic == "Sum":
                continue
            threshold = as_number(resource.get("Threshold"))
            named = [resource.system.find(value, *_KINDS) for value in metric.dimensions.values()]
            limits = [limit for database in named if database is not None for limit in _limits(database)]
            if not limits or threshold is None:
                continue
            if isinstance(threshold, Undecided):
                yield self.undecided(resource, "Threshold", threshold)
                continue
            limit, why = min(limits)
            if threshold >= limit:
                message = (
                    f"it goes off at {threshold:g} connections and {why} allows {limit}: it comes too late or never"
                )
                yield self.violated(resource, "Threshold", message)


_KINDS = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance")


def _limits(database: Resource) -> Iterator[tuple[int, str]]:
    cluster = database if database.type == "AWS::RDS::DBCluster" else cluster_of(database) or database
    fixed = [as_number(value) for value in settings_of(cluster, "max_connections")] if cluster.type == _KINDS[0] else []
    for value in fixed:
        if isinstance(value, int | float):
            yield int(value), "max_connections"
            return
    if fixed or flavour(cluster) != "mysql":
        return
    capacity = as_number(cluster.get("ServerlessV2ScalingConfiguration.MaxCapacity"))
    if isinstance(capacity, int | float):
        yield serverless_connections(capacity), f"a capacity of {capacity:g} ACU surely"
        return
    members = instances_of(cluster) if database is cluster else [database]
    for instance in members:
        name = instance.get("DBInstanceClass")
        limit = mysql_connections(name) if isinstance(name, str) else None
        if limit is not None:
            yield limit, str(name)
