"""NAM008."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Path, Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Reference, Undecided, as_list, references

# What callers reach it through, without knowing its address.
_FRONTS = frozenset(
    {
        "AWS::EC2::VPCEndpointService",
        "AWS::GlobalAccelerator::EndpointGroup",
        "AWS::ApiGateway::VpcLink",
        "AWS::CloudFront::VpcOrigin",
    }
)
_ENTRANCES = ("DNSName", "Endpoint.Address", "ReadEndpoint.Address", "")


class EntranceIsTold(ResourceRule):
    """How to reach a load balancer or a database is told: by an output, a record, a parameter or another resource."""

    id = "NAM008"
    severity = Severity.WARNING
    resource_types = ("AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::RDS::DBCluster")
    remediation = "Add an Output with the DNS name (Endpoint.Address)."
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/outputs-section-structure.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for a use of the address, in outputs of any template or in another resource's properties."""
        outputs = [value for template in resource.system.templates for value in template.outputs.values()]
        told = [r for value in outputs for r in references(value)]
        if any(r.logical_id == resource.logical_id and r.attribute in _ENTRANCES for r in told):
            return
        if any(_leads_in(other, path, r) for other, path, r in resource.referrers) or _fixed_addresses(resource):
            return
        unknown = next((value for value in outputs if isinstance(value, Undecided)), False)
        yield from self.judged(
            resource, "", unknown, "no output, record or resource holds its address: nobody can find it"
        )


def _leads_in(other: Resource, path: Path, reference: Reference) -> bool:
    return reference.attribute in _ENTRANCES[:3] or path == ("TargetId",) or other.type in _FRONTS


def _fixed_addresses(balancer: Resource) -> bool:
    """Tell whether a load balancer stands at elastic addresses that its owner knows."""
    mappings = as_list(balancer.get("SubnetMappings"))
    return any(isinstance(mapping, dict) and mapping.get("AllocationId") is not None for mapping in mappings)
