"""RDS014."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import instances_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class StandbyExists(ResourceRule):
    """A cluster has an instance to fail over to.

    Where the settings demand one zone, one instance is enough.
    """

    id = "RDS014"
    demand = ("zones",)
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Add a second instance to the cluster."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Count the instances of Aurora clusters."""
        engine = resource.get("Engine")
        if (resource.system.demands.zones or 0) < 2:
            return
        if is_undecided(engine):
            yield self.undecided(resource, "Engine", engine)
        elif isinstance(engine, str) and engine.startswith("aurora"):
            count = len(instances_of(resource))
            if count < 2:
                message = (
                    f"it has {count} instance{'s' * (count != 1)}: when that fails, a new one takes minutes to create"
                )
                yield self.violated(resource, "", message)
