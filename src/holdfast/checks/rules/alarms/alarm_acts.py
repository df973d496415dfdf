"""ALM004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_bool, as_list, as_text


class AlarmActs(ResourceRule):
    """An alarm tells somebody: it has an action, switched on.

    An alarm that a composite alarm or a deployment reads, or that drives scaling, needs none of its own.
    """

    id = "ALM004"
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = "Add an SNS topic to AlarmActions and leave ActionsEnabled on."
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the actions, and at who else reads the alarm."""
        enabled = as_bool(resource.get("ActionsEnabled"), default=True)
        actions = resource.get("AlarmActions")
        if enabled is True and as_list(actions) and not isinstance(actions, Undecided):
            return
        if any(other.type != "AWS::CloudWatch::Dashboard" for other, _, _ in resource.referrers):
            return
        if _named_in_composite(resource):
            return
        if isinstance(enabled, Undecided) or isinstance(actions, Undecided):
            yield self.undecided(resource, "AlarmActions", enabled if isinstance(enabled, Undecided) else actions)
        else:
            why = "has no action" if not as_list(actions) else "has its actions switched off"
            yield self.violated(resource, "AlarmActions", f"the alarm {why}: it goes off and nobody learns of it")


def _named_in_composite(alarm: Resource) -> bool:
    name = alarm.get("AlarmName")
    composites = alarm.system.resources("AWS::CloudWatch::CompositeAlarm")
    return isinstance(name, str) and any(name in (as_text(c.get("AlarmRule")) or "") for c in composites)
