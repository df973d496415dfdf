"""STO009."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import holds_backups, lifecycle
from holdfast.checks.values import Undecided, as_list


class UploadsAborted(ResourceRule):
    """A bucket with a lifecycle also ends multipart uploads that were never finished."""

    id = "STO009"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Add AbortIncompleteMultipartUpload with DaysAfterInitiation."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at buckets of backups that have rules."""
        rules = lifecycle(resource)
        if not rules or not holds_backups(resource) or any(r.data.get("AbortIncompleteMultipartUpload") for r in rules):
            return
        config = resource.get("LifecycleConfiguration.Rules")
        unknown = next((entry for entry in as_list(config) if isinstance(entry, Undecided)), False)
        yield from self.judged(
            resource,
            "LifecycleConfiguration",
            unknown,
            "parts of broken uploads are paid for ever, unseen in any listing",
        )
