"""REP001."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import destinations, unknown_destination
from holdfast.checks.values import as_text


class ReplicaIsFilled(ResourceRule):
    """A bucket that is called a replica is filled: some bucket replicates to it."""

    id = "REP001"
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Add a ReplicationConfiguration to the source bucket with this bucket as its destination."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at buckets whose name or id speaks of replication."""
        names = (as_text(resource.get("BucketName")) or "", resource.logical_id)
        if not any(re.search(r"(?i)repli(?:ca|cation)(?!.*log)", name) for name in names):
            return
        if resource.get("ReplicationConfiguration") is not None:
            return
        sources = [b for b in resource.system.resources("AWS::S3::Bucket") if resource in destinations(b)]
        writers = [
            o for o, p, _ in resource.referrers if o.type in ("AWS::Backup::BackupVault", "AWS::DataSync::LocationS3")
        ]
        if sources or writers:
            return
        unknown = [b for b in resource.system.resources("AWS::S3::Bucket") if unknown_destination(b)]
        if unknown:
            yield self.undecided(resource, "", f"{unknown[0].logical_id} replicates to a bucket that cannot be known")
        elif len(resource.system.resources("AWS::S3::Bucket")) > 1 or _alone(resource):
            yield self.violated(resource, "", "no bucket replicates to it: the replica stays empty")


def _alone(bucket: Resource) -> bool:
    """Tell whether nothing suggests that the source lies outside the templates: no policy lets anybody write."""
    return not any(other.type == "AWS::S3::BucketPolicy" for other, _, _ in bucket.referrers)
