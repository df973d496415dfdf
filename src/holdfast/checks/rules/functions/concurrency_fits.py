"""FUN014."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import function_behind
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number


class ConcurrencyFits(ResourceRule):
    """A mapping's maximum concurrency fits into what is reserved for its function."""

    id = "FUN014"
    resource_types = ("AWS::Lambda::EventSourceMapping",)
    remediation = "Reserve at least MaximumConcurrency for the function, or reserve nothing."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the mapping's maximum (2 at least) with the function's reservation."""
        function = function_behind(resource.system.find(resource.get("FunctionName")))
        if function is None or function.get("ReservedConcurrentExecutions") is None:
            return
        reserved = as_number(function.get("ReservedConcurrentExecutions"))
        most = as_number(resource.get("ScalingConfig.MaximumConcurrency"), 2)
        if isinstance(reserved, Undecided) or isinstance(most, Undecided):
            yield self.undecided(
                function, "ReservedConcurrentExecutions", reserved if isinstance(reserved, Undecided) else most
            )
        elif reserved is not None and most is not None and reserved < most:
            message = (
                f"{reserved:g} executions are reserved while up to {most:g} may start: messages are throttled away"
            )
            yield self.violated(function, "ReservedConcurrentExecutions", message)
