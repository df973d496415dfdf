"""FUN006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import function_behind, role_of_function
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import managed_policies, role_may
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided

_NEEDED = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_MANAGED = {"AWSLambdaSQSQueueExecutionRole", "AdministratorAccess", "AmazonSQSFullAccess", "PowerUserAccess"}


class MappingMayRead(ResourceRule):
    """The role of a function may read the queue or stream that wakes it."""

    id = "FUN006"
    resource_types = ("AWS::Lambda::EventSourceMapping",)
    remediation = "Give the role sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes on the queue."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the role's own and managed policies."""
        queue = resource.system.find(resource.get("EventSourceArn"), "AWS::SQS::Queue")
        function = function_behind(resource.system.find(resource.get("FunctionName")))
        role = role_of_function(function) if function else None
        if queue is None or role is None:
            return
        if _MANAGED & {name.rsplit("/", 1)[-1] for name in managed_policies(role)}:
            return
        verdicts = {action: role_may(role, action, queue) for action in _NEEDED}
        missing = [action for action, verdict in verdicts.items() if verdict is False]
        unknown = next((verdict for verdict in verdicts.values() if isinstance(verdict, Undecided)), None)
        if missing:
            message = f"{role.logical_id} may not {', '.join(missing)} on {queue.logical_id}: the mapping is refused"
            yield self.violated(resource, "EventSourceArn", message)
        elif unknown is not None:
            yield self.undecided(resource, "EventSourceArn", unknown)
