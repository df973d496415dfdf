"""NET011."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import balancers_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import groups, lets_in
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list, as_number


class BalancerReachesTasks(ResourceRule):
    """The security group of a service admits its load balancer on the container's port."""

    id = "NET011"
    resource_types = ("AWS::ECS::Service",)
    remediation = "Add an ingress rule for the container port from the load balancer's security group."
    source = (
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-update-security-groups.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Follow service, target group, listener and load balancer."""
        ours, unknown = groups(resource.system, resource.get("NetworkConfiguration.AwsvpcConfiguration.SecurityGroups"))
        if unknown:
            return
        for index, entry in enumerate(as_list(resource.get("LoadBalancers"))):
            target = resource.system.find(entry.get("TargetGroupArn")) if isinstance(entry, dict) else None
            port = as_number(entry.get("ContainerPort")) if isinstance(entry, dict) else None
            if target is None or not ours or not isinstance(port, int | Undecided):
                continue
            for balancer in balancers_of(target):
                theirs, _ = groups(resource.system, balancer.get("SecurityGroups"))
                where = f"LoadBalancers.{index}"
                if isinstance(port, Undecided):
                    yield self.undecided(resource, where, port)
                    continue
                verdicts = [lets_in(group, source, port) for group in ours for source in theirs]
                doubtful = next((v for v in verdicts if isinstance(v, Undecided)), False)
                if theirs and True not in verdicts:
                    message = f"{ours[0].logical_id} does not admit {balancer.logical_id} on {port}: all unhealthy"
                    yield from self.judged(resource, where, doubtful, message)
