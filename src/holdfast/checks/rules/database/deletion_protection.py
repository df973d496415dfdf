"""RDS001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_bool


class DeletionProtection(ResourceRule):
    """A database cluster refuses deletion until an operator turns protection off.

    Only where the settings demand that nothing is destroyable (checks.destroyable: false).
    """

    id = "RDS001"
    demand = ("destroyable",)
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Set DeletionProtection to true."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_DeleteCluster.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the cluster's own switch."""
        if resource.system.demands.destroyable is not False:
            return
        protected = as_bool(resource.get("DeletionProtection"))
        message = "one mistaken call deletes the cluster and its data, and protection is demanded"
        yield from self.judged(resource, "DeletionProtection", protected, message)
