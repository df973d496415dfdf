"""ELB006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_list, is_undecided


class PlainHttpRedirects(ResourceRule):
    """An internet-facing load balancer that has HTTPS sends plain HTTP there."""

    id = "ELB006"
    severity = Severity.WARNING
    resource_types = ("AWS::ElasticLoadBalancingV2::Listener",)
    remediation = "Replace the HTTP listener's action by a redirect to HTTPS (HTTP_301)."
    source = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at HTTP listeners beside an HTTPS one."""
        balancer = resource.system.find(resource.get("LoadBalancerArn"))
        protocol = resource.get("Protocol")
        if balancer is None or balancer.get("Scheme", "internet-facing") != "internet-facing":
            return
        others = [o for o, p, _ in balancer.referrers if o.type == resource.type and p == ("LoadBalancerArn",)]
        if not any(other.get("Protocol") == "HTTPS" for other in others):
            return
        if is_undecided(protocol):
            yield self.undecided(resource, "Protocol", protocol)
        elif protocol == "HTTP":
            kinds = [a.get("Type") for a in as_list(resource.get("DefaultActions")) if isinstance(a, dict)]
            if "redirect" not in kinds and "fixed-response" not in kinds:
                yield self.violated(
                    resource, "DefaultActions", "it serves plain HTTP beside HTTPS: sessions can be read on the way"
                )
