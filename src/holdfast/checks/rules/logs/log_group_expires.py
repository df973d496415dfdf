"""LOG001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class LogGroupExpires(ResourceRule):
    """A log group keeps its logs for a time that somebody chose."""

    id = "LOG001"
    severity = Severity.WARNING
    resource_types = ("AWS::Logs::LogGroup",)
    remediation = "Set RetentionInDays."
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for a retention."""
        days = resource.get("RetentionInDays")
        if isinstance(days, Undecided):
            yield self.undecided(resource, "RetentionInDays", days)
        elif days is None:
            yield self.violated(resource, "RetentionInDays", "its logs are kept, and paid for, for ever")
