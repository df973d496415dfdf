"""ALM016."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import watching
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.functions import is_dead_letter_queue, mappings_of
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, is_undecided


class DeadLettersAreNoticed(ResourceRule):
    """Somebody is told when a message lands in a dead-letter queue."""

    id = "ALM016"
    severity = Severity.WARNING
    resource_types = ("AWS::SQS::Queue",)
    remediation = "Alarm on ApproximateNumberOfMessagesVisible of the queue, threshold 1."
    source = (
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-que"
        "ues-alarms-cloudwatch.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for an alarm with the queue's name as its dimension."""
        if not is_dead_letter_queue(resource):
            return
        unknown: bool | Undecided = False
        for metric in watching(resource.system, "AWS/SQS"):
            values = (
                metric.dimensions if isinstance(metric.dimensions, Undecided) else metric.dimensions.get("QueueName")
            )
            if metric.alarm.system.find(values, "AWS::SQS::Queue") is resource:
                return
            if is_undecided(values):
                unknown = Undecided(f"{metric.alarm.logical_id} watches a queue that cannot be known")
        if mappings_of(resource):
            return
        yield from self.judged(
            resource, "", unknown, "no alarm watches it: failed messages wait there unseen until they expire"
        )
