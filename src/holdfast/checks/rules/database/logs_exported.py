"""RDS013."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import flavour
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_list, is_undecided


class LogsExported(ResourceRule):
    """A cluster exports its error log, so that what killed it can be read afterwards."""

    id = "RDS013"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Add error (MySQL) or postgresql to EnableCloudwatchLogsExports."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Integrating.CloudWatch.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for the engine's error log among the exports."""
        wanted = {"mysql": "error", "postgresql": "postgresql"}.get(flavour(resource) or "")
        exports = resource.get("EnableCloudwatchLogsExports")
        if wanted is None or wanted in as_list(exports):
            return
        if is_undecided(exports):
            yield self.undecided(resource, "EnableCloudwatchLogsExports", exports)
        else:
            yield self.violated(
                resource, "EnableCloudwatchLogsExports", f"the {wanted} log stays on an instance that may be gone"
            )
