"""FUN007."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.functions import function_behind
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list


class LostInvocationsKept(ResourceRule):
    """A scheduled call that fails in the end is kept in a dead-letter queue or announced.

    A failure destination or a dead-letter queue of the function serves as well, and so does an alarm on its errors.
    """

    id = "FUN007"
    severity = Severity.WARNING
    resource_types = ("AWS::Events::Rule",)
    remediation = (
        "Add DeadLetterConfig to the rule's target, or an on-failure destination or an alarm on Errors to the function."
    )
    source = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at targets that are functions of the system, on rules with a schedule."""
        if resource.get("ScheduleExpression") is None:
            return
        for index, target in enumerate(as_list(resource.get("Targets"))):
            if not isinstance(target, dict) or target.get("DeadLetterConfig") is not None:
                continue
            function = function_behind(resource.system.find(target.get("Arn")))
            if function is None or _announced(function):
                continue
            where = f"Targets.{index}.DeadLetterConfig"
            dead = function.get("DeadLetterConfig")
            if isinstance(dead, Undecided):
                yield self.undecided(resource, where, dead)
            elif dead is None:
                message = f"when {function.logical_id} fails at its last attempt, the event is gone and nobody is told"
                yield self.violated(resource, where, message)


def _announced(function: Resource) -> bool:
    for other, path, _ in function.referrers:
        if (
            other.type == "AWS::Lambda::EventInvokeConfig"
            and other.get("DestinationConfig.OnFailure.Destination") is not None
        ):
            return True
        if other.type == "AWS::CloudWatch::Alarm" and "Dimensions" in path:
            return True
    return False
