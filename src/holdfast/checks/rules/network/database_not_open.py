"""NET005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import ingress
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class DatabaseNotOpen(ResourceRule):
    """A database's security group lets nobody in from the whole world."""

    id = "NET005"
    resource_types = ("AWS::EC2::SecurityGroup",)
    remediation = "Admit the security groups of the clients."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Overview.RDSSecurityGroups.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at groups that a database wears."""
        kinds = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::ElastiCache::ReplicationGroup")
        if not any(other.type in kinds for other, _, _ in resource.referrers):
            return
        for rule in ingress(resource):
            if rule.open_to_world:
                yield self.violated(rule.holder, rule.path, f"{rule.cidr} may try the database's passwords")
            elif is_undecided(rule.cidr) or rule.undecided:
                yield self.undecided(rule.holder, rule.path, rule.undecided or rule.cidr)
