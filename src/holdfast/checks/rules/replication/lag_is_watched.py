"""REP006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import watching
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import rules_of
from holdfast.checks.values import is_undecided


class LagIsWatched(ResourceRule):
    """Somebody notices when replication falls behind or fails."""

    id = "REP006"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = (
        "Switch Metrics on in the rule and alarm on ReplicationLatency or OperationsFailedReplication, or "
        "send s3:Replication events."
    )
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for an alarm on the metrics of replication, or a notification."""
        rules = list(rules_of(resource))
        events = str(resource.get("NotificationConfiguration", ""))
        if not rules or "s3:Replication:" in events or any(watching(resource.system, "AWS/S3", *_METRICS)):
            return
        status = resource.get("ReplicationConfiguration.Rules.0.Destination.Metrics.Status")
        if is_undecided(status):
            yield self.undecided(resource, "ReplicationConfiguration.Rules.0.Destination.Metrics", status)
        else:
            yield self.violated(
                resource, "ReplicationConfiguration", "no alarm reads its lag: a replica that stands still looks well"
            )


_METRICS = (
    "ReplicationLatency",
    "OperationsPendingReplication",
    "OperationsFailedReplication",
    "BytesPendingReplication",
)
