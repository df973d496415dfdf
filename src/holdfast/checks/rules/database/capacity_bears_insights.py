"""RDS008."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import instances_of, serverless
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_bool, as_number


class CapacityBearsInsights(ResourceRule):
    """A serverless cluster with Performance Insights has at least 2 ACU."""

    id = "RDS008"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Raise MinCapacity to 2, or switch Performance Insights off."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the smallest capacity where insights are on."""
        least = as_number(resource.get("ServerlessV2ScalingConfiguration.MinCapacity"))
        databases = (resource, *instances_of(resource))
        switches = ("EnablePerformanceInsights", "PerformanceInsightsEnabled")
        insights = any(as_bool(d.get(switch)) is True for d in databases for switch in switches)
        if not serverless(resource) or not insights or least is None:
            return
        where = "ServerlessV2ScalingConfiguration.MinCapacity"
        ample = least if isinstance(least, Undecided) else least >= 2
        yield from self.judged(
            resource, where, ample, f"{least} ACU is less than the 2 that Performance Insights needs"
        )
