"""RDS015."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_bool


class NotPublic(ResourceRule):
    """A database has no public address."""

    id = "RDS015"
    resource_types = ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster")
    remediation = "Set PubliclyAccessible to false."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the switch; its default depends on the subnet group and is private with one."""
        public = as_bool(resource.get("PubliclyAccessible"))
        private = public if isinstance(public, Undecided) else not public
        yield from self.judged(resource, "PubliclyAccessible", private, "the internet can try its passwords")
