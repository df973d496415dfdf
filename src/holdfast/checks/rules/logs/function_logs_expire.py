"""LOG006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_text, references


class FunctionLogsExpire(ResourceRule):
    """The log group of a function is declared, so that it expires.

    Lambda makes /aws/lambda/<name> by itself; such a group never expires and outlives the stack. Helpers that CDK
    adds are left out.
    """

    id = "LOG006"
    severity = Severity.WARNING
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Declare an AWS::Logs::LogGroup and name it in LoggingConfig.LogGroup."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for a group named in the function's own configuration or after it."""
        if resource.get("LoggingConfig.LogGroup") is not None or _helper(resource):
            return
        names = [
            g.get("LogGroupName") for g in resource.system.resources("AWS::Logs::LogGroup", "Custom::LogRetention")
        ]
        own = as_text(resource.get("FunctionName"))
        for name in names:
            text = as_text(name) or ""
            refers = any(r == resource.reference for r in references(name))
            if text.startswith("/aws/lambda/") and (refers or (own and text == f"/aws/lambda/{own}")):
                return
        unknown = next((name for name in names if isinstance(name, Undecided)), False)
        yield from self.judged(
            resource, "", unknown, "Lambda makes its log group, which never expires and outlives the stack"
        )


def _helper(function: Resource) -> bool:
    path = function.construct_path or ""
    return "CustomResourceProvider" in path or "LogRetention" in path or "BucketNotificationsHandler" in path
