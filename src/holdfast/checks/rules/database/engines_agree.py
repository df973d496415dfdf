"""RDS012."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import cluster_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class EnginesAgree(ResourceRule):
    """An instance has the engine of its cluster."""

    id = "RDS012"
    resource_types = ("AWS::RDS::DBInstance",)
    remediation = "Set Engine of the instance to the cluster's."
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the two engines."""
        cluster = cluster_of(resource)
        own, theirs = resource.get("Engine"), cluster.get("Engine") if cluster else None
        if cluster is None or own is None or theirs is None or own == theirs:
            return
        if is_undecided(own) or is_undecided(theirs):
            yield self.undecided(resource, "Engine", own if is_undecided(own) else theirs)
        else:
            yield self.violated(
                resource, "Engine", f"{own} cannot be a member of {cluster.logical_id}, which is {theirs}"
            )
