"""FUN008."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import may_invoke, triggers_of
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule


class InvokerPermitted(ResourceRule):
    """Whatever invokes a function is permitted to.

    S3, EventBridge, SNS, Secrets Manager, Logs and CloudWatch call with their own principal; without a permission
    they fail silently.
    """

    id = "FUN008"
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Add an AWS::Lambda::Permission for the service's principal with the caller's ARN as SourceArn."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at each service that has the function as its target."""
        seen = set()
        for other, _, service in triggers_of(resource):
            if service not in seen:
                seen.add(service)
                message = f"{other.logical_id} may not invoke it: no permission for {service}, so it never runs"
                yield from self.judged(resource, "", may_invoke(resource, service), message)
