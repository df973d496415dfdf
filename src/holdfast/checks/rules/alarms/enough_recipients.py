"""ALM006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list, as_text


class EnoughRecipients(ResourceRule):
    """Every alarm reaches as many people as are demanded."""

    id = "ALM006"
    demand = ("alarm_recipients",)
    resource_types = ("AWS::SNS::Topic",)
    remediation = "Add subscriptions (checks.alarm_recipients says how many)."
    source = "https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Count distinct endpoints of topics that alarms publish to."""
        wanted = resource.system.demands.alarm_recipients or 0
        if not any(other.type == "AWS::CloudWatch::Alarm" for other, _, _ in resource.referrers):
            return
        endpoints = [s.get("Endpoint") for s in as_list(resource.get("Subscription")) if isinstance(s, dict)]
        endpoints += [
            o.get("Endpoint")
            for o, p, _ in resource.referrers
            if o.type == "AWS::SNS::Subscription" and p == ("TopicArn",)
        ]
        if isinstance(resource.get("Subscription"), Undecided):
            yield self.undecided(resource, "Subscription", resource.get("Subscription"))
            return
        known = {as_text(endpoint) for endpoint in endpoints if endpoint is not None}
        if len(known) < wanted:
            yield self.violated(resource, "Subscription", f"alarms reach {len(known)} endpoints, {wanted} are demanded")
