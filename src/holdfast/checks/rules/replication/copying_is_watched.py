"""REP008."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import watching
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_text, is_undecided

_LAG = ("CDCLatencySource", "CDCLatencyTarget")


class CopyingIsWatched(ResourceRule):
    """How far a database's copy is behind can be seen: an alarm or a dashboard shows the lag of its replication."""

    id = "REP008"
    severity = Severity.WARNING
    resource_types = ("AWS::DMS::ReplicationTask", "AWS::DMS::ReplicationConfig")
    remediation = "Add an alarm on CDCLatencyTarget of AWS/DMS, and show it beside the active environment."
    source = "https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Monitoring.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for the lag among alarms and dashboards, where changes are copied at all."""
        kind = resource.get("MigrationType", resource.get("ReplicationType"))
        if is_undecided(kind):
            yield self.undecided(resource, "MigrationType", kind)
            return
        if "cdc" not in (as_text(kind) or "") or any(watching(resource.system, "AWS/DMS", *_LAG)):
            return
        boards = [str(board.get("DashboardBody")) for board in resource.system.resources("AWS::CloudWatch::Dashboard")]
        if not any(name in board for board in boards for name in _LAG):
            message = "nothing shows how far the copy is behind: who turns to it does not know what is missing"
            yield self.violated(resource, "", message)
