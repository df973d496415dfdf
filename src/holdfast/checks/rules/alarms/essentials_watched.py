"""ALM019."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import alarms, metrics, watching
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, is_undecided

_ESSENTIAL: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "AWS::RDS::DBCluster": [
        ("AWS/RDS", ("DatabaseConnections",)),
        ("AWS/RDS", ("FreeableMemory", "ServerlessDatabaseCapacity", "ACUUtilization")),
    ],
    "AWS::ElasticLoadBalancingV2::LoadBalancer": [
        ("AWS/ApplicationELB", ("TargetResponseTime",)),
        ("AWS/ApplicationELB", ("UnHealthyHostCount", "HealthyHostCount")),
    ],
    "AWS::DynamoDB::Table": [
        (
            "AWS/DynamoDB",
            ("ThrottledRequests", "ReadThrottleEvents", "WriteThrottleEvents", "SystemErrors", "UserErrors"),
        )
    ],
}


class EssentialsWatched(ResourceRule):
    """A system with alarms watches what fails first: connections and memory, response time, throttles.

    Silent for a system without any alarm, which may be watched from elsewhere.
    """

    id = "ALM019"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster", "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::DynamoDB::Table")
    remediation = "Add an alarm on one of the metrics that the message names."
    source = (
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Best_Practice_Recommended_A"
        "larms_AWS_Services.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for any alarm of the system on each essential metric."""
        system = resource.system
        if not alarms(system) or resource.get("Type", "application") != "application":
            return
        unknown = next((m for a in alarms(system) for m in metrics(a) if is_undecided(m.name)), None)
        for namespace, names in _ESSENTIAL[resource.type]:
            if not any(watching(system, namespace, *names)):
                message = f"no alarm watches {' or '.join(names)}"
                yield from self.judged(resource, "", Undecided(str(unknown.name)) if unknown else False, message)
                return
