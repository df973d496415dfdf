"""COS001."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import exit_of, network_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class VpcServesFunction(ResourceRule):
    """A function runs in a VPC only if it reaches something there, or must be kept from the internet.

    With every call going through paid interface endpoints and nothing in the VPC to reach, the VPC buys nothing.
    Silent where network isolation is claimed by a tag, or a NAT gateway gives the function an address that others
    know.
    """

    id = "COS001"
    severity = Severity.WARNING
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Take VpcConfig out, or keep it and write down why."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for databases, caches, file systems, services or load balancers in the system."""
        found, unknown = network_of(resource)
        if not found or unknown:
            return
        if resource.system.resources(*_INSIDE) or _isolated(resource) or _fixed_address(found):
            return
        if any(is_undecided(subnet.get("VpcId")) for subnet in found):
            yield self.undecided(resource, "VpcConfig", "the VPC is a parameter and may hold anything")
        else:
            yield self.violated(
                resource,
                "VpcConfig",
                "nothing in the VPC is reached: it costs endpoints and start time and buys nothing",
            )


_INSIDE = (
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::EFS::FileSystem",
    "AWS::ECS::Service",
    "AWS::EC2::Instance",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::OpenSearchService::Domain",
    "AWS::MSK::Cluster",
    "AWS::Redshift::Cluster",
)


def _isolated(function: Resource) -> bool:
    tags = function.tags
    return isinstance(tags, Mapping) and any("Isolation" in key for key in tags)


def _fixed_address(found: Sequence[Resource]) -> bool:
    return any(exit_of(subnet).kind == "nat" for subnet in found)
