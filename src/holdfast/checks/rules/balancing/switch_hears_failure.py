"""ELB012."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import LISTENER, LISTENER_RULE, forwards, switches
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.functions import function_may, triggers_of
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided

_HEALTH = ("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics")


class SwitchHearsFailure(ResourceRule):
    """A function that moves traffic by weight can learn that the new side fails, so that it can move it back.

    It reads alarms or metrics, or an alarm starts it.
    """

    id = "ELB012"
    severity = Severity.WARNING
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Allow cloudwatch:DescribeAlarms and watch the new target group's errors while weights move."
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at its rights, and at what starts it."""
        system = resource.system
        weighed = any(len(forwards(h)) > 1 for kind in (LISTENER, LISTENER_RULE) for h in system.resources(kind))
        if not weighed or not switches(resource) or any(_tells(who) for who, _, _ in triggers_of(resource)):
            return
        verdicts = [function_may(resource, action) for action in _HEALTH]
        if True not in verdicts:
            unknown = next((verdict for verdict in verdicts if isinstance(verdict, Undecided)), False)
            message = "it may read no alarm and no metric: errors of the new side reach nobody who could go back"
            yield from self.judged(resource, "Role", unknown, message)


def _tells(trigger: Resource) -> bool:
    return trigger.type == "AWS::CloudWatch::Alarm" or "aws.cloudwatch" in str(trigger.get("EventPattern"))
