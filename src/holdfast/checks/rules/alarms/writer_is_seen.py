"""ALM015."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import Metric, alarms, metrics
from holdfast.checks.databases import instances_of
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided

_PER_INSTANCE = ("CPUUtilization", "DatabaseConnections", "FreeableMemory", "FreeLocalStorage", "ACUUtilization")


class WriterIsSeen(ResourceRule):
    """An alarm on a cluster sees its writer, not the average of writer and idle readers."""

    id = "ALM015"
    severity = Severity.WARNING
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = "Add the dimension Role=WRITER, use Maximum, or alarm on each instance."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at averages over the cluster dimension alone."""
        for metric in metrics(resource):
            if not metric.is_("AWS/RDS", *_PER_INSTANCE) or isinstance(metric.dimensions, Undecided):
                continue
            if set(metric.dimensions) != {"DBClusterIdentifier"} or any(
                _instance_alarm(o, metric) for o in alarms(resource.system)
            ):
                continue
            cluster = resource.system.find(metric.dimensions["DBClusterIdentifier"], "AWS::RDS::DBCluster")
            members = instances_of(cluster) if cluster is not None else []
            if metric.statistic == "Average" and len(members) > 1:
                message = (
                    f"{metric.name} is averaged over {len(members)} instances: a writer at 100 % and idle "
                    f"readers read {100 // len(members)} %"
                )
                yield self.violated(resource, f"{metric.path}Dimensions", message)
            elif metric.statistic.startswith("${?") and len(members) > 1:
                yield self.undecided(resource, "Statistic", metric.statistic)


def _instance_alarm(alarm: Resource, metric: Metric) -> bool:
    return any(
        other.name == metric.name
        and not isinstance(other.dimensions, Undecided)
        and "DBInstanceIdentifier" in other.dimensions
        for other in metrics(alarm)
    )
