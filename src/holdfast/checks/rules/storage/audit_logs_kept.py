"""STO007."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import log_sources, versioned


class AuditLogsKept(ResourceRule):
    """A bucket of audit logs keeps versions, so that nobody rewrites what happened."""

    id = "STO007"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Switch versioning on, or Object Lock."
    source = "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at buckets that a trail writes to."""
        trail = next((other for other, kind in log_sources(resource) if kind == "trail"), None)
        if trail is not None:
            message = f"the logs of {trail.logical_id} can be overwritten and deleted without a trace"
            yield from self.judged(resource, "VersioningConfiguration", versioned(resource), message)
