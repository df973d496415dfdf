"""FUN013."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import dead_letter_target
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_bool


class DeadLetterQueueSameKind(ResourceRule):
    """A dead-letter queue is of the same kind as its queue: FIFO with FIFO, standard with standard."""

    id = "FUN013"
    resource_types = ("AWS::SQS::Queue",)
    remediation = "Set FifoQueue alike on both."
    source = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the two kinds."""
        target = dead_letter_target(resource)
        if not isinstance(target, Resource):
            return
        own, theirs = as_bool(resource.get("FifoQueue")), as_bool(target.get("FifoQueue"))
        unknown = next((kind for kind in (own, theirs) if isinstance(kind, Undecided)), None)
        message = (
            f"{target.logical_id} is {_kind(theirs)} and this queue is {_kind(own)}: SQS refuses the redrive policy"
        )
        yield from self.judged(resource, "RedrivePolicy", unknown or own == theirs, message)


def _kind(fifo: bool | Undecided) -> str:
    return "FIFO" if fifo is True else "standard"
