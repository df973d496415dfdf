"""LOG005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import allowed, knowable
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import bucket_statements, log_sources
from holdfast.checks.values import Undecided

_SERVICES = {"trail": "cloudtrail.amazonaws.com", "access": "logging.s3.amazonaws.com"}


class DeliveryIsAllowed(ResourceRule):
    """Whoever delivers logs into a bucket is let in by its policy."""

    id = "LOG005"
    resource_types = ("AWS::S3::Bucket",)
    remediation = (
        "Allow cloudtrail.amazonaws.com (s3:GetBucketAcl, s3:PutObject), logging.s3.amazonaws.com or the load "
        "balancer to write."
    )
    source = "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for a statement for each kind of log; the old log-delivery ACL counts for access logs."""
        found = [statement for _, statement in bucket_statements(resource)]
        seen = set()
        for source, kind in log_sources(resource):
            service = _SERVICES.get(kind)
            if service is None or kind in seen:
                continue
            seen.add(kind)
            if kind == "access" and resource.get("AccessControl") == "LogDeliveryWrite":
                continue
            needed = ("s3:GetBucketAcl", "s3:PutObject") if kind == "trail" else ("s3:PutObject",)
            verdict = allowed(found, service, needed)
            unknown = _unreadable(resource)
            message = f"no policy lets {service} in: the logs of {source.logical_id} are refused"
            yield from self.judged(resource, "", unknown if verdict is False and unknown else verdict, message)


def _unreadable(bucket: Resource) -> Undecided | None:
    policies = [p for p in bucket.system.resources("AWS::S3::BucketPolicy") if p.system.find(p.get("Bucket")) is bucket]
    return next((u for p in policies if (u := knowable(p.get("PolicyDocument"))) is not None), None)
