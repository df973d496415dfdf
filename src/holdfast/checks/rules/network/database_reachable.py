"""NET002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import is_member, port_of, security_groups
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import ingress
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class DatabaseReachable(ResourceRule):
    """Somebody may connect to a database: its security groups let its port in."""

    id = "NET002"
    resource_types = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance")
    remediation = "Add an ingress rule for the port from the security group of the clients."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Overview.RDSSecurityGroups.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the groups' ingress rules, wherever they are written."""
        if resource.type == "AWS::RDS::DBInstance" and is_member(resource):
            return
        found, unknown = security_groups(resource)
        if not found or unknown:
            return
        rules = [rule for group in found for rule in ingress(group)]
        port = port_of(resource)
        if any(rule.covers(port) and not rule.undecided for rule in rules):
            return
        doubtful = next((rule.undecided for rule in rules if rule.undecided), "")
        names = ", ".join(group.logical_id for group in found)
        message = f"{names} lets nothing in on port {port}: nobody can connect, rotation neither"
        yield from self.judged(resource, "", Undecided(doubtful) if doubtful else False, message)
