"""VER002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.facts import retired, support_end
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_text, is_undecided


class EngineCanBeCreated(ResourceRule):
    """An Aurora version can still be created and is in standard support."""

    id = "VER002"
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = (
        "Use a current version: 8.0.mysql_aurora.3.10.x (long-term support to 2028-04-30), PostgreSQL 15.10 or later."
    )
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraMySQLReleaseNotes/AuroraMySQL.release-calendars.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look up the version among the retired ones and the ends of support."""
        engine, version = resource.get("Engine"), as_text(resource.get("EngineVersion"))
        if is_undecided(engine) or is_undecided(resource.get("EngineVersion")):
            yield self.undecided(resource, "EngineVersion", resource.get("EngineVersion") if version else engine)
            return
        if not isinstance(engine, str) or version is None:
            return
        end = support_end(engine, version)
        if retired(engine, version):
            yield self.violated(
                resource, "EngineVersion", f"{engine} {version} is retired: the cluster cannot be created"
            )
        elif end is not None and end < resource.system.today:
            message = (
                f"standard support of {engine} {version} ended on {end}: AWS upgrades it or charges extended support"
            )
            yield self.violated(resource, "EngineVersion", message)
