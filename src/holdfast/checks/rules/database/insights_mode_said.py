"""RDS010."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import instances_of
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_bool


class InsightsModeSaid(ResourceRule):
    """A cluster that pays for Performance Insights says which mode of Database Insights it wants.

    Performance Insights' own console ended on 2026-07-31; what was seven free days goes on as Database Insights
    Standard.
    """

    id = "RDS010"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Set DatabaseInsightsMode to standard or advanced."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_DatabaseInsights.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at clusters with insights on themselves or their instances."""
        databases = (resource, *instances_of(resource))
        on = [as_bool(d.get(s)) for d in databases for s in ("EnablePerformanceInsights", "PerformanceInsightsEnabled")]
        if resource.get("DatabaseInsightsMode") is not None or any(d.get("DatabaseInsightsMode") for d in databases):
            return
        if True in on:
            message = (
                "Performance Insights is on and no mode is said: the console it was made for is gone since 2026-07-31"
            )
            yield self.violated(resource, "DatabaseInsightsMode", message)
        elif unknown := next((value for value in on if isinstance(value, Undecided)), None):
            yield self.undecided(resource, "DatabaseInsightsMode", unknown)
