"""REP005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import destinations, rules_of, versioned


class BothSidesVersioned(ResourceRule):
    """Source and replica keep versions: replication needs it on both sides."""

    id = "REP005"
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Set VersioningConfiguration.Status to Enabled on both buckets."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-requirements.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at a bucket with rules and at its destinations."""
        if not list(rules_of(resource)):
            return
        for bucket in (resource, *destinations(resource)):
            message = f"{bucket.logical_id} keeps no versions, so the replication is refused"
            yield from self.judged(bucket, "VersioningConfiguration", versioned(bucket), message)
