"""LOG003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list, as_text


class ExportedLogsExpire(ResourceRule):
    """The log groups that a cluster's exports make are declared, so that they expire.

    RDS makes /aws/rds/cluster/<name>/<log> by itself; such a group never expires and outlives the stack.
    """

    id = "LOG003"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = "Declare an AWS::Logs::LogGroup of that name with RetentionInDays for each exported log."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.CloudWatch.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for a group of the right name for each export; a custom resource that sets retention counts."""
        names = [as_text(g.get("LogGroupName")) or "" for g in resource.system.resources("AWS::Logs::LogGroup")]
        keepers = resource.system.resources("Custom::LogRetention")
        names += [as_text(keeper.get("LogGroupName")) or "" for keeper in keepers]
        exports = resource.get("EnableCloudwatchLogsExports")
        if isinstance(exports, Undecided):
            yield self.undecided(resource, "EnableCloudwatchLogsExports", exports)
            return
        missing = [str(log) for log in as_list(exports) if not any(_is_group(name, str(log)) for name in names)]
        if missing:
            message = f"the log groups of {', '.join(missing)} are made by RDS, never expire and outlive the stack"
            yield self.violated(resource, "EnableCloudwatchLogsExports", message)


def _is_group(name: str, log: str) -> bool:
    return name.startswith("/aws/rds/cluster/") and name.endswith(f"/{log}")
