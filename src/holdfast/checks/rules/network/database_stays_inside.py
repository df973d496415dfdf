"""NET004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import egress
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class DatabaseStaysInside(ResourceRule):
    """A database's security group lets nothing out to the whole world.

    A group that writes no egress rule allows everything out; a database opens no connections.
    """

    id = "NET004"
    severity = Severity.WARNING
    resource_types = ("AWS::EC2::SecurityGroup",)
    remediation = (
        "Write SecurityGroupEgress with one rule that reaches nothing, such as 127.0.0.1/32 (CDK - "
        "allowAllOutbound false)."
    )
    source = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at groups that databases alone wear."""
        wearers = [
            other for other, path, _ in resource.referrers if path[0] in ("VpcSecurityGroupIds", "VPCSecurityGroups")
        ]
        if not any(wearer.type in ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance") for wearer in wearers):
            return
        if any(
            path[0] in ("SecurityGroupIds", "SecurityGroups", "NetworkConfiguration", "VpcConfig")
            for _, path, _ in resource.referrers
        ):
            return
        rules = egress(resource)
        if rules is None:
            yield self.violated(
                resource, "SecurityGroupEgress", "no egress rule is written, which lets everything out to 0.0.0.0/0"
            )
            return
        for rule in rules:
            if rule.open_to_world:
                yield self.violated(rule.holder, rule.path, f"the database may open connections to {rule.cidr}")
            elif is_undecided(rule.cidr) or rule.undecided:
                yield self.undecided(rule.holder, rule.path, rule.undecided or rule.cidr)
