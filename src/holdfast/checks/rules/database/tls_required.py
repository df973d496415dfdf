"""RDS004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import flavour, settings_of, switched_on
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_text


class TlsRequired(ResourceRule):
    """A database refuses connections without TLS."""

    id = "RDS004"
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = (
        "Set require_secure_transport=ON (MySQL) or rds.force_ssl=1 (PostgreSQL) in a cluster parameter group."
    )
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Security.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the parameter groups; PostgreSQL 17 and MySQL 8.4 require TLS unless told otherwise."""
        switch = {"mysql": "require_secure_transport", "postgresql": "rds.force_ssl"}.get(flavour(resource) or "")
        if switch is None:
            return
        on = switched_on(resource, switch)
        if on is False and not settings_of(resource, switch) and _on_by_default(resource):
            return
        message = f"{switch} is not on, so clients may send passwords and data in plain text"
        yield from self.judged(resource, "DBClusterParameterGroupName", on, message)


def _on_by_default(cluster: Resource) -> bool:
    version = as_text(cluster.get("EngineVersion")) or ""
    major = version.split(".")[0]
    if flavour(cluster) == "postgresql":
        return major.isdigit() and int(major) >= 17
    return version.startswith("8.4")
