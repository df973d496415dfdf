"""FUN004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list, as_number, is_undecided

_DEFAULT_SIZE = 10


class PartialFailures(ResourceRule):
    """A function that takes several messages at once reports which of them failed."""

    id = "FUN004"
    severity = Severity.WARNING
    resource_types = ("AWS::Lambda::EventSourceMapping",)
    remediation = (
        "Set FunctionResponseTypes to [ReportBatchItemFailures] and return the failed ids, or set BatchSize to 1."
    )
    source = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at mappings of queues."""
        queue = resource.system.find(resource.get("EventSourceArn"), "AWS::SQS::Queue")
        types, size = resource.get("FunctionResponseTypes"), as_number(resource.get("BatchSize"), _DEFAULT_SIZE)
        if queue is None or "ReportBatchItemFailures" in as_list(types) or size == 1:
            return
        if is_undecided(types) or isinstance(size, Undecided):
            yield self.undecided(resource, "FunctionResponseTypes", types if is_undecided(types) else size)
        else:
            message = f"one failed message makes the whole batch of up to {size:g} come back, finished ones too"
            yield self.violated(resource, "FunctionResponseTypes", message)
