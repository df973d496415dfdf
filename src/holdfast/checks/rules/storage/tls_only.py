"""STO006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import Statement, knowable
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import bucket_statements
from holdfast.checks.values import Undecided


class TlsOnly(ResourceRule):
    """A bucket refuses requests without TLS."""

    id = "STO006"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Add a bucket policy that denies s3:* when aws:SecureTransport is false."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for the Deny in the bucket's policies."""
        found = bucket_statements(resource)
        if any(not s.allows and s.open_to_all and _without_tls(s) for _, s in found):
            return
        policies = [
            p for p in resource.system.resources("AWS::S3::BucketPolicy") if p.system.find(p.get("Bucket")) is resource
        ]
        unknown = next((u for p in policies if (u := knowable(p.get("PolicyDocument"))) is not None), None)
        if unknown is None:
            unknown = next(
                (s.conditions for _, s in found if not s.allows and isinstance(s.conditions, Undecided)), None
            )
        yield from self.judged(
            resource, "", unknown or False, "plain HTTP is not refused: data and signatures may be read on the way"
        )


def _without_tls(statement: Statement) -> bool:
    values = [str(value).lower() for value in statement.condition_values("aws:SecureTransport")]
    return "false" in values or "s3:tlsversion" in statement.condition_keys()
