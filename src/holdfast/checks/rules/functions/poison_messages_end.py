"""FUN005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.functions import is_dead_letter_queue, mappings_of
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class PoisonMessagesEnd(ResourceRule):
    """A message that always fails leaves the queue for a dead-letter queue."""

    id = "FUN005"
    severity = Severity.WARNING
    resource_types = ("AWS::SQS::Queue",)
    remediation = "Add a RedrivePolicy with a dead-letter queue."
    source = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at queues that a function reads."""
        mapping = next(iter(mappings_of(resource)), None)
        policy = resource.get("RedrivePolicy")
        if mapping is None or is_dead_letter_queue(resource):
            return
        if isinstance(policy, Undecided):
            yield self.undecided(resource, "RedrivePolicy", policy)
        elif policy is None:
            yield self.violated(resource, "RedrivePolicy", "a message that always fails comes back until it expires")
