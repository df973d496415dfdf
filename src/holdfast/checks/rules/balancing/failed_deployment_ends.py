"""ELB007."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_bool


class FailedDeploymentEnds(ResourceRule):
    """A deployment whose tasks do not start is rolled back."""

    id = "ELB007"
    severity = Severity.WARNING
    resource_types = ("AWS::ECS::Service",)
    remediation = "Enable DeploymentConfiguration.DeploymentCircuitBreaker with Rollback, or deployment alarms."
    source = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at services with ECS's own deployments."""
        if resource.get("DeploymentController.Type", "ECS") != "ECS":
            return
        rollback = as_bool(resource.get("DeploymentConfiguration.DeploymentCircuitBreaker.Rollback"))
        alarms = as_bool(resource.get("DeploymentConfiguration.Alarms.Rollback"))
        ends = rollback if rollback is True or alarms is False else alarms
        message = "a version that never starts is retried for ever while the deployment hangs"
        yield from self.judged(resource, "DeploymentConfiguration", ends, message)
