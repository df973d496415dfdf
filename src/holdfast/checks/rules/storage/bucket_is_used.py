"""STO010."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import role_may
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import bucket_statements, destinations, holds_backups
from holdfast.checks.values import Undecided


class BucketIsUsed(ResourceRule):
    """A bucket for backups is written to by something."""

    id = "STO010"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Give a role s3:PutObject on it, or an export task or replication; else remove it."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-export-snapshot.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for roles, policies and services that write to a bucket of backups."""
        if not holds_backups(resource) or resource in [
            c for b in resource.system.resources("AWS::S3::Bucket") for c in destinations(b)
        ]:
            return
        users = [
            o
            for o, _, _ in resource.referrers
            if o.type
            not in ("AWS::S3::BucketPolicy", "AWS::CloudFormation::CustomResource", "Custom::S3AutoDeleteObjects")
        ]
        writes = [s for _, s in bucket_statements(resource) if s.allows and s.covers("s3:PutObject") is not False]
        roles = [role_may(r, "s3:PutObject", resource) for r in resource.system.resources("AWS::IAM::Role")]
        if writes or True in roles or any(not o.type.startswith("AWS::IAM::") for o in users):
            return
        unknown = next((verdict for verdict in roles if isinstance(verdict, Undecided)), False)
        yield from self.judged(
            resource, "", unknown, "nothing in the templates may write to it: no backup ever gets there"
        )
