"""ENC003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import Owner, key_of
from holdfast.checks.rule import ResourceRule


class TrailLogsEncrypted(ResourceRule):
    """A trail whose bucket defaults to your key names a key itself, so its logs are encrypted with it.

    Without KMSKeyId CloudTrail asks for SSE-S3 explicitly, which overrides the bucket's default.
    """

    id = "ENC003"
    severity = Severity.WARNING
    resource_types = ("AWS::CloudTrail::Trail",)
    remediation = "Set KMSKeyId of the trail to the bucket's key."
    source = (
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/encrypting-cloudtrail-log-files-with-aws-kms.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the trail's key with its bucket's default."""
        own = key_of(resource)
        bucket = resource.system.find(resource.get("S3BucketName"), "AWS::S3::Bucket")
        if bucket is None or own.owner is Owner.CUSTOMER:
            return
        use = key_of(bucket)
        if own.owner is Owner.UNKNOWN or use.owner is Owner.UNKNOWN:
            if use.owner is not Owner.NONE:
                yield self.undecided(resource, "KMSKeyId", own.reason or use.reason)
        elif use.owner is Owner.CUSTOMER:
            message = f"{bucket.logical_id} defaults to your key but the trail writes its logs with SSE-S3"
            yield self.violated(resource, "KMSKeyId", message)
