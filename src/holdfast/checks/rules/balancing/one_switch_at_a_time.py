"""ELB011."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import switches
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.functions import function_may
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number


class OneSwitchAtATime(ResourceRule):
    """Two switches of traffic cannot interleave.

    A reservation of one execution, a state machine or a queue in front, or a conditional write in a table of the
    system does it.
    """

    id = "ELB011"
    severity = Severity.WARNING
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Set ReservedConcurrentExecutions to 1, or take a lock with a conditional write."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the reservation and at other locks."""
        if not switches(resource) or resource.get("DurableConfig") is not None:
            return
        reserved = as_number(resource.get("ReservedConcurrentExecutions"))
        callers = [other.type for other, _, _ in resource.referrers]
        if reserved == 1 or "AWS::StepFunctions::StateMachine" in callers:
            return
        if function_may(resource, "dynamodb:UpdateItem") is True or function_may(resource, "dynamodb:PutItem") is True:
            return
        unknown = reserved if isinstance(reserved, Undecided) else False
        message = "two switches at once interleave: weights of the one, recorded state of the other"
        yield from self.judged(resource, "ReservedConcurrentExecutions", unknown, message)
