"""RDS001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_bool


class DeletionProtection(ResourceRule):
    """A database cluster refuses deletion until an operator turns protection off."""

    id = "RDS001"
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Set DeletionProtection to true."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_DeleteCluster.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the cluster's own switch."""
        protected = as_bool(resource.get("DeletionProtection"))
        if isinstance(protected, Undecided):
            yield self.undecided(resource, "DeletionProtection", protected)
        elif not protected:
            yield self.violated(resource, "DeletionProtection", "one mistaken call deletes the cluster and its data")
