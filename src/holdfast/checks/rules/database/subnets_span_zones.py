"""RDS016."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import subnets, zones_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class SubnetsSpanZones(ResourceRule):
    """A database's subnets lie in as many zones as are demanded."""

    id = "RDS016"
    demand = ("zones",)
    resource_types = ("AWS::RDS::DBSubnetGroup",)
    remediation = "Add subnets of other zones to the group."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Count the zones of the group's subnets."""
        wanted = resource.system.demands.zones or 0
        found, unknown = subnets(resource.system, resource.get("SubnetIds"))
        if unknown:
            yield self.undecided(resource, "SubnetIds", unknown[0])
            return
        count = zones_of(found)
        enough = count if isinstance(count, Undecided) else count >= wanted
        yield from self.judged(
            resource, "SubnetIds", enough, f"its subnets lie in {count} zones, {wanted} are demanded"
        )
