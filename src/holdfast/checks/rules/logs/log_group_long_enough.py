"""LOG002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number


class LogGroupLongEnough(ResourceRule):
    """Logs are kept as many days as are demanded."""

    id = "LOG002"
    demand = ("log_days",)
    resource_types = ("AWS::Logs::LogGroup",)
    remediation = "Raise RetentionInDays to at least checks.log_days."
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the retention with the demand; without one logs are kept for ever."""
        wanted, days = resource.system.demands.log_days or 0, as_number(resource.get("RetentionInDays"))
        if days is not None:
            enough = days if isinstance(days, Undecided) else days >= wanted
            message = f"its logs are kept {days} days, {wanted} are demanded"
            yield from self.judged(resource, "RetentionInDays", enough, message)
