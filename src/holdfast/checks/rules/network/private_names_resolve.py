"""NET010."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import is_gateway, vpc_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_bool


class PrivateNamesResolve(ResourceRule):
    """A VPC with private DNS names for endpoints resolves names."""

    id = "NET010"
    resource_types = ("AWS::EC2::VPCEndpoint",)
    remediation = "Set EnableDnsSupport and EnableDnsHostnames of the VPC to true."
    source = "https://docs.aws.amazon.com/vpc/latest/privatelink/interface-endpoints.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the VPC of an endpoint with private DNS."""
        vpc = vpc_of(resource)
        if is_gateway(resource) or vpc is None or as_bool(resource.get("PrivateDnsEnabled")) is not True:
            return
        for name, default in (("EnableDnsSupport", True), ("EnableDnsHostnames", False)):
            message = f"{vpc.logical_id} has {name} off: the endpoint with private DNS cannot be created"
            yield from self.judged(vpc, name, as_bool(vpc.get(name), default=default), message)
