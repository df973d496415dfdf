"""RDS003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import flavour, switched_on
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_list

_SWITCHES = {"audit": "server_audit_logging", "general": "general_log", "slowquery": "slow_query_log"}


class ExportedLogsWritten(ResourceRule):
    """Every log that a cluster exports is switched on."""

    id = "RDS003"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = (
        "Set the parameter the message names in a parameter group of the cluster, or drop the log from "
        "EnableCloudwatchLogsExports."
    )
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Integrating.CloudWatch.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the exports of a MySQL cluster with its parameter groups."""
        if flavour(resource) != "mysql":
            return
        for index, log in enumerate(as_list(resource.get("EnableCloudwatchLogsExports"))):
            where = f"EnableCloudwatchLogsExports.{index}"
            switch = _SWITCHES.get(log) if isinstance(log, str) else None
            if switch is not None:
                message = f"the {log} log is exported and {switch} is off: nobody writes it"
                yield from self.judged(resource, where, switched_on(resource, switch), message)
