"""ELB010."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import switches
from holdfast.checks.finding import Finding
from holdfast.checks.functions import function_may
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class SwitchRecordsState(ResourceRule):
    """A function that switches traffic may read health and record the state it switched to.

    Without DescribeTargetHealth there is no gate before the switch; without a write to a parameter or table nobody
    knows afterwards which side is active.
    """

    id = "ELB010"
    resource_types = ("AWS::Lambda::Function",)
    remediation = (
        "Allow elasticloadbalancing:DescribeTargetHealth, and ssm:GetParameter and ssm:PutParameter (or "
        "DynamoDB) on the state."
    )
    source = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the rights of its role."""
        if not switches(resource):
            return
        health = function_may(resource, "elasticloadbalancing:DescribeTargetHealth")
        message = "it may not DescribeTargetHealth: it switches to an environment without a healthy target"
        yield from self.judged(resource, "Role", health, message)
        state = [
            function_may(resource, action) for action in ("ssm:PutParameter", "dynamodb:UpdateItem", "dynamodb:PutItem")
        ]
        if True not in state:
            unknown = next((verdict for verdict in state if isinstance(verdict, Undecided)), False)
            message = "it may write no parameter and no table: after a switch nobody knows which side is active"
            yield from self.judged(resource, "Environment", unknown, message)
