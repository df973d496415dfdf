"""RDS019."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import flavour
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_list, is_undecided

_LOGS = {
    "mysql": ("audit", "error", "general", "instance", "slowquery"),
    "postgresql": ("instance", "postgresql"),
}


class DemandedLogsExported(ResourceRule):
    """A cluster exports every log that is demanded of its engine."""

    id = "RDS019"
    severity = Severity.WARNING
    demand = ("database_logs",)
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Add the log to EnableCloudwatchLogsExports (checks.database_logs says which)."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Integrating.CloudWatch.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the exports with those demands that the engine knows."""
        known = _LOGS.get(flavour(resource) or "", ())
        wanted = [log for log in resource.system.demands.database_logs or () if log in known]
        exports = resource.get("EnableCloudwatchLogsExports")
        missing = [log for log in wanted if log not in as_list(exports)]
        if missing and is_undecided(exports):
            yield self.undecided(resource, "EnableCloudwatchLogsExports", exports)
        elif missing:
            yield self.violated(resource, "EnableCloudwatchLogsExports", f"{', '.join(missing)} stays on the instance")
