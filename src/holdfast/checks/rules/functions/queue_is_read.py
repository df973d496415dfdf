"""FUN001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import (
    is_dead_letter_queue,
    is_worn,
    mappings_of,
    receivers_of,
    senders_of,
    worn_by_compute,
)
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_number


class QueueIsRead(ResourceRule):
    """Somebody reads the messages of a queue that is filled."""

    id = "FUN001"
    resource_types = ("AWS::SQS::Queue",)
    remediation = (
        "Map the queue to a function (AWS::Lambda::EventSourceMapping), or give its consumer's role "
        "sqs:ReceiveMessage on it."
    )
    source = "https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for mappings and for roles that may receive; a dead-letter queue is read by people."""
        if is_dead_letter_queue(resource) or mappings_of(resource):
            return
        receivers = list(receivers_of(resource))
        if any(r.type != "AWS::IAM::Role" or worn_by_compute(r) or not is_worn(r) for r in receivers):
            return
        sender = next(senders_of(resource), None)
        if sender is None:
            yield self.undecided(resource, "", "nothing in the templates sends to it or receives from it")
            return
        days = as_number(resource.get("MessageRetentionPeriod"), 345600)
        age = f"after {days / 86400:g} days" if isinstance(days, int | float) else "in the end"
        who = f"; {receivers[0].logical_id} may receive, but no event source wakes it" if receivers else ""
        yield self.violated(resource, "", f"what {sender.logical_id} sends is never read and expires {age}{who}")
