"""STO005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import BUCKET_DEFAULT
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import log_sources
from holdfast.checks.values import is_undecided


class LogTargetEncryption(ResourceRule):
    """A bucket that receives access logs or load-balancer logs is encrypted with SSE-S3.

    S3's documentation supports no other default for a log target, and load balancers cannot write to SSE-KMS.
    """

    id = "STO005"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Set SSEAlgorithm of the log bucket to AES256."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the default of buckets that logs are delivered to."""
        source = next((other for other, kind in log_sources(resource) if kind in ("access", "balancer")), None)
        algorithm = resource.get(f"{BUCKET_DEFAULT}.SSEAlgorithm")
        if source is None or algorithm in (None, "AES256"):
            return
        if is_undecided(algorithm):
            yield self.undecided(resource, "BucketEncryption", algorithm)
        else:
            message = (
                f"logs of {source.logical_id} go to a bucket with {algorithm}, which is not supported for a log target"
            )
            yield self.violated(resource, "BucketEncryption", message)
