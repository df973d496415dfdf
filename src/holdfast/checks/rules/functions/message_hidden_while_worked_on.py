"""FUN003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import function_behind
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number


class MessageHiddenWhileWorkedOn(ResourceRule):
    """A queue hides a message at least as long as its function may work on it."""

    id = "FUN003"
    resource_types = ("AWS::Lambda::EventSourceMapping",)
    remediation = "Set VisibilityTimeout of the queue to six times the function's Timeout."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the queue's visibility timeout with the function's timeout."""
        queue = resource.system.find(resource.get("EventSourceArn"), "AWS::SQS::Queue")
        function = function_behind(resource.system.find(resource.get("FunctionName")))
        if queue is None or function is None:
            return
        hidden, works = as_number(queue.get("VisibilityTimeout"), 30), as_number(function.get("Timeout"), 3)
        if isinstance(hidden, Undecided) or isinstance(works, Undecided):
            yield self.undecided(queue, "VisibilityTimeout", hidden if isinstance(hidden, Undecided) else works)
        elif hidden is not None and works is not None and hidden < works:
            message = (
                f"hidden for {hidden:g} s while {function.logical_id} may work {works:g} s: Lambda refuses the mapping"
            )
            yield self.violated(queue, "VisibilityTimeout", message)
