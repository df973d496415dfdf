"""NET006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.system import System
from holdfast.checks.network import exit_of, zone_of
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import is_undecided


class NatInEveryZone(SystemRule):
    """Private subnets leave through a NAT gateway of their own zone.

    With one gateway for several zones, the loss of its zone cuts the others off as well, and traffic between zones is
    charged.
    """

    id = "NET006"
    demand = ("zones",)
    remediation = (
        "Create a NAT gateway in each zone and route each zone's private subnets to it, or use endpoints and no NAT."
    )
    source = "https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Compare the zone of each private subnet with the zone of its gateway."""
        if (system.demands.zones or 0) < 2:
            return
        for subnet in system.resources("AWS::EC2::Subnet"):
            way = exit_of(subnet)
            home = system.find(way.resource.get("SubnetId"), "AWS::EC2::Subnet") if way.resource else None
            if way.kind != "nat" or home is None:
                continue
            zones = zone_of(subnet), zone_of(home)
            unknown = next((zone for zone in zones if is_undecided(zone)), None)
            if unknown is not None:
                yield self.undecided(subnet, "AvailabilityZone", unknown)
            elif zones[0] != zones[1]:
                message = f"its NAT gateway is in another zone ({zones[1]}): when that is lost, so is its way out"
                yield self.violated(subnet, "", message)
