"""RDS017."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class FamilyFitsEngine(ResourceRule):
    """A parameter group is of the family of the cluster's engine version."""

    id = "RDS017"
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = (
        "Set Family to the engine and major version of the cluster, as in aurora-mysql8.0 or aurora- postgresql15."
    )
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_WorkingWithParamGroups.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the family with engine and version."""
        group = resource.system.find(resource.get("DBClusterParameterGroupName"), "AWS::RDS::DBClusterParameterGroup")
        if group is None:
            return
        engine, version, family = (resource.get("Engine"), resource.get("EngineVersion"), group.get("Family"))
        unknown = next((value for value in (engine, version, family) if is_undecided(value)), None)
        if unknown is not None:
            yield self.undecided(resource, "DBClusterParameterGroupName", unknown)
        elif isinstance(engine, str) and isinstance(family, str) and version is not None:
            wanted = engine + _major(engine, str(version))
            if family != wanted and engine.startswith("aurora"):
                message = f"{group.logical_id} is of family {family}, {engine} {version} needs {wanted}: creation fails"
                yield self.violated(resource, "DBClusterParameterGroupName", message)


def _major(engine: str, version: str) -> str:
    parts = version.split(".")
    return ".".join(parts[:2]) if "mysql" in engine else parts[0]
