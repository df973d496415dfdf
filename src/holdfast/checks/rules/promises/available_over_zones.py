"""PRO007."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import instances_of, subnets_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import subnets, zones_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number

_SINGLE = 0.995


class AvailableOverZones(ResourceRule):
    """What serves is spread over enough zones for the promised availability.

    AWS promises 99.5 % for a single instance and 99.99 % across zones; with one zone no promise above 99.5 % can be
    derived.
    """

    id = "PRO007"
    demand = ("availability",)
    resource_types = ("AWS::ECS::Service", "AWS::RDS::DBCluster", "AWS::ElasticLoadBalancingV2::LoadBalancer")
    remediation = "Use subnets of two zones and at least two tasks or instances."
    source = "https://aws.amazon.com/compute/sla/"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Count copies and zones."""
        promised = resource.system.demands.availability or 0.0
        if promised <= _SINGLE:
            return
        copies = _copies(resource)
        if isinstance(copies, Undecided):
            yield self.undecided(resource, "", copies)
        elif copies is not None and copies < 2:
            yield self.violated(resource, "", _sum(f"{copies:g} copy", promised))
        found = _subnets(resource)
        zones = zones_of(found) if found else None
        if isinstance(zones, int) and zones < 2:
            yield self.violated(resource, "", _sum(f"{zones} zone", promised))


def _sum(what: str, promised: float) -> str:
    return f"{what} gives {_SINGLE:.1%} at most, {promised:.2%} is promised"


def _copies(resource: Resource) -> float | Undecided | None:
    if resource.type == "AWS::ECS::Service":
        written = resource.get("DesiredCount")
        return as_number(written, 1) if written is not None else _kept_by_scaling(resource)
    if resource.type == "AWS::RDS::DBCluster" and str(resource.get("Engine")).startswith("aurora"):
        return len(instances_of(resource))
    return None


def _kept_by_scaling(service: Resource) -> float | Undecided:
    """Return the least that auto scaling leaves of a service without a count of its own, which else begins with one."""
    targets = (one for one, _, _ in service.referrers if one.type == "AWS::ApplicationAutoScaling::ScalableTarget")
    least = [as_number(one.get("MinCapacity"), 1) for one in targets]
    return least[0] if least and least[0] is not None else 1


def _subnets(resource: Resource) -> list[Resource]:
    if resource.type == "AWS::RDS::DBCluster":
        return subnets_of(resource)[0]
    path = "NetworkConfiguration.AwsvpcConfiguration.Subnets" if resource.type == "AWS::ECS::Service" else "Subnets"
    return subnets(resource.system, resource.get(path))[0]
