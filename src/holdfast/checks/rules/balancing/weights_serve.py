"""ELB004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import forwards
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class WeightsServe(ResourceRule):
    """The weights of a listener send traffic somewhere."""

    id = "ELB004"
    resource_types = ("AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule")
    remediation = "Give at least one target group a weight above 0 (0 to 999)."
    source = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Add the weights."""
        found = forwards(resource)
        unknown = next((f.weight for f in found if isinstance(f.weight, Undecided)), None)
        known = [f.weight for f in found if not isinstance(f.weight, Undecided)]
        prop = found[0].path if found else ""
        if len(found) < 2:
            return
        if any(weight < 0 or weight > 999 for weight in known):
            yield self.violated(
                resource, prop, f"weights are 0 to 999, got {', '.join(f'{weight:g}' for weight in known)}"
            )
        elif unknown is not None and not any(known):
            yield self.undecided(resource, prop, unknown)
        elif not any(known):
            yield self.violated(resource, prop, "every weight is 0: all requests end with 503")
