"""ELB001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import forwards, listeners_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class HealthCheckSaysSomething(ResourceRule):
    """Target groups that share a listener by weight ask the same health question, and say which.

    Blue and green must be judged alike, or traffic goes to an environment that only seems well.
    """

    id = "ELB001"
    resource_types = ("AWS::ElasticLoadBalancingV2::TargetGroup",)
    remediation = "Set HealthCheckPath, such as /health, alike on both target groups."
    source = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at groups that a listener weighs against another."""
        siblings = _siblings(resource)
        if not siblings:
            return
        path = resource.get("HealthCheckPath")
        if isinstance(path, Undecided):
            yield self.undecided(resource, "HealthCheckPath", path)
        elif path is None:
            yield self.violated(resource, "HealthCheckPath", "no path is set, so any answer of / counts as health")
        for other in siblings:
            theirs = other.get("HealthCheckPath")
            if (
                isinstance(path, str)
                and isinstance(theirs, str)
                and path != theirs
                and resource.logical_id < other.logical_id
            ):
                message = (
                    f"it is asked {path} and {other.logical_id} {theirs}: the two are judged by different questions"
                )
                yield self.violated(resource, "HealthCheckPath", message)


def _siblings(group: Resource) -> list[Resource]:
    found: dict[str, Resource] = {}
    for listener in listeners_of(group):
        members = [forward.group for forward in forwards(listener)]
        if len(members) > 1:
            found.update({m.logical_id: m for m in members if m is not None and m is not group})
    return list(found.values())
