"""RDS002."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from holdfast.checks.databases import instances_of
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class WriterIsKnown(ResourceRule):
    """The instance meant as writer is created first: the others depend on it.

    Aurora makes the first instance that is ready the writer. Tiers, tags and alarms that name one of several
    instances mean nothing when any may be it.
    """

    id = "RDS002"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Let every other instance of the cluster depend on the writer (DependsOn)."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at clusters whose instances are meant for different roles."""
        instances = instances_of(resource)
        if len(instances) < 2 or not _roles_differ(instances):
            return
        unordered = [i for i in instances if not any(other in instances for other in _prerequisites(i))]
        if len(unordered) > 1:
            names = ", ".join(instance.logical_id for instance in unordered)
            message = f"{names} are created at once and whichever is ready first is the writer"
            if any(is_undecided(instance.get("PromotionTier")) for instance in instances):
                yield self.undecided(resource, "", "the promotion tiers are parameters")
            else:
                yield self.violated(unordered[1], "DependsOn", message)


def _roles_differ(instances: list[Resource]) -> bool:
    tiers = {str(instance.get("PromotionTier", 1)) for instance in instances}
    return len(tiers) > 1 or any("Role" in tags for i in instances if isinstance(tags := i.tags, Mapping))


def _prerequisites(instance: Resource) -> Iterator[Resource]:
    yield from instance.depends_on
    for _, reference in instance.references:
        target = instance.system.resource(reference)
        if target is not None:
            yield target
