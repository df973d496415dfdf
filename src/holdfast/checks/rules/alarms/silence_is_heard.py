"""ALM011."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import Metric, watching
from holdfast.checks.databases import instances_of
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.system import System
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list


class SilenceIsHeard(ResourceRule):
    """A dead database raises an alarm: one takes missing data for breaching, or RDS events are subscribed to."""

    id = "ALM011"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = (
        "Set TreatMissingData of one alarm of the cluster to breaching, or add an AWS::RDS::EventSubscription."
    )
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the alarms of the cluster and its instances, if it has any."""
        databases = [resource, *instances_of(resource)]
        found = [m.alarm for m in watching(resource.system, "AWS/RDS") if _watches(m, databases)]
        if not found or resource.system.resources("AWS::RDS::EventSubscription") or _events(resource.system):
            return
        treated = [alarm.get("TreatMissingData", "missing") for alarm in found]
        if "breaching" in treated:
            return
        unknown = next((value for value in treated if isinstance(value, Undecided)), False)
        message = (
            f"none of its {len(treated)} alarms hears silence: a dead database sends no data and all of them stay quiet"
        )
        yield from self.judged(resource, "", unknown, message)


def _watches(metric: Metric, databases: list[Resource]) -> bool:
    if isinstance(metric.dimensions, Undecided):
        return False
    return any(metric.alarm.system.find(value) in databases for value in metric.dimensions.values())


def _events(system: System) -> bool:
    rules = system.resources("AWS::Events::Rule")
    return any("aws.rds" in as_list(rule.get("EventPattern.source")) for rule in rules)
