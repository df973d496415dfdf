"""PRO005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import instances_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.promise import AURORA_FAILOVER, AURORA_RECREATE, Term, spelled
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided
from holdfast.settings.quantities import read_duration


class FailoverInTime(ResourceRule):
    """A database fails over within the promised time.

    The sum is what Aurora takes to notice and promote a reader; without a reader it creates an instance first.
    """

    id = "PRO005"
    demand = ("failover",)
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Add a reader in another zone, or promise a longer failover time."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Do the sum for Aurora clusters."""
        promised, engine = resource.system.demands.failover, resource.get("Engine")
        if promised is None:
            return
        if is_undecided(engine):
            yield self.undecided(resource, "Engine", engine)
            return
        if not isinstance(engine, str) or not engine.startswith("aurora"):
            return
        count = len(instances_of(resource))
        term = (
            Term(AURORA_FAILOVER, "to promote a reader")
            if count > 1
            else Term(AURORA_RECREATE, "to create an instance")
        )
        if term.amount > promised:
            yield self.violated(resource, "", f"{spelled([term])} is more than the {read_duration(promised)} promised")
