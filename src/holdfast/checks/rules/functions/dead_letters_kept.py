"""FUN002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.functions import dead_letter_target
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number


class DeadLettersKept(ResourceRule):
    """A dead-letter queue keeps messages longer than the queue that feeds it.

    A message's age counts from its first arrival, so a shorter retention loses it before anybody looks.
    """

    id = "FUN002"
    severity = Severity.WARNING
    resource_types = ("AWS::SQS::Queue",)
    remediation = "Set MessageRetentionPeriod of the dead-letter queue to 1209600 (14 days)."
    source = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the two retentions; the most SQS allows is always enough."""
        target = dead_letter_target(resource)
        if not isinstance(target, Resource):
            return
        own, theirs = (as_number(queue.get("MessageRetentionPeriod"), 345600) for queue in (resource, target))
        if theirs == 1209600:
            return
        if isinstance(own, Undecided) or isinstance(theirs, Undecided):
            yield self.undecided(target, "MessageRetentionPeriod", theirs if isinstance(theirs, Undecided) else own)
        elif own is not None and theirs is not None and theirs <= own:
            message = f"dead letters expire {theirs:g} s after the first send, {resource.logical_id} keeps {own:g} s"
            yield self.violated(target, "MessageRetentionPeriod", message)
