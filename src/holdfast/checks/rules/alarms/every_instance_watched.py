"""ALM012."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import watching
from holdfast.checks.databases import instances_of
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, is_undecided


class EveryInstanceWatched(ResourceRule):
    """What is watched on one instance of a cluster is watched on all: after a failover roles are exchanged."""

    id = "ALM012"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Add the alarm for each instance, or use the cluster dimension with Role."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare, for each metric, the instances that alarms name with those of the cluster."""
        instances = instances_of(resource)
        seen: dict[str, list[Resource]] = {}
        whole: set[str] = set()
        for metric in watching(resource.system, "AWS/RDS"):
            if isinstance(metric.dimensions, Undecided) or not isinstance(metric.name, str):
                continue
            value = metric.dimensions.get("DBInstanceIdentifier")
            instance = resource.system.find(value, "AWS::RDS::DBInstance")
            if instance in instances and instance is not None:
                seen.setdefault(metric.name, []).append(instance)
            elif is_undecided(value):
                yield self.undecided(metric.alarm, f"{metric.path}Dimensions", value)
            elif value is None:
                whole.add(metric.name)
        for name, covered in sorted(seen.items()):
            missing = [instance.logical_id for instance in instances if instance not in covered]
            if missing and name not in whole:
                message = (
                    f"{name} is watched on {covered[0].logical_id} and not on {', '.join(missing)}: after "
                    "a failover the alarm is blind"
                )
                yield self.violated(resource, "", message)
