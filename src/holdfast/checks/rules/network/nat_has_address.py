"""NET009."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import exit_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class NatHasAddress(ResourceRule):
    """A public NAT gateway has an elastic IP and stands in a subnet with a way to the internet."""

    id = "NET009"
    resource_types = ("AWS::EC2::NatGateway",)
    remediation = "Set AllocationId to an AWS::EC2::EIP and SubnetId to a public subnet."
    source = "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the address and at the subnet's route."""
        kind, mode = resource.get("ConnectivityType", "public"), resource.get("AvailabilityMode", "zonal")
        if kind == "private" or mode == "regional":
            return
        if resource.get("AllocationId") is None:
            if is_undecided(kind):
                yield self.undecided(resource, "ConnectivityType", kind)
            else:
                yield self.violated(
                    resource, "AllocationId", "a public NAT gateway without an elastic IP cannot be created"
                )
        subnet = resource.system.find(resource.get("SubnetId"), "AWS::EC2::Subnet")
        if subnet is not None and exit_of(subnet).kind in ("none", "nat"):
            message = f"it stands in {subnet.logical_id}, which has no route to an internet gateway: nothing gets out"
            yield self.violated(resource, "SubnetId", message)
