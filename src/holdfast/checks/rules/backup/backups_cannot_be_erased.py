"""BAK006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import Statement
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import bucket_statements, holds_backups
from holdfast.checks.values import Undecided, as_bool


class BackupsCannotBeErased(ResourceRule):
    """A bucket of backups outlives a stolen role: Object Lock, or a policy that denies deleting versions.

    Silent where the settings demand that everything is destroyable.
    """

    id = "BAK006"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = (
        "Set ObjectLockEnabled with a default retention, or deny s3:DeleteObjectVersion to everyone in the "
        "bucket policy."
    )
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the lock and the denials of buckets of backups."""
        if resource.system.demands.destroyable or not holds_backups(resource):
            return
        locked = as_bool(resource.get("ObjectLockEnabled"))
        denied = [
            s.covers("s3:DeleteObjectVersion")
            for _, s in bucket_statements(resource)
            if not s.allows and not _only_tls(s)
        ]
        if locked is True or True in denied:
            return
        unknown = (
            locked if isinstance(locked, Undecided) else next((v for v in denied if isinstance(v, Undecided)), False)
        )
        yield from self.judged(
            resource, "ObjectLockEnabled", unknown, "whoever steals a role with delete rights erases every backup"
        )


def _only_tls(statement: Statement) -> bool:
    return set(statement.condition_keys()) <= {"aws:securetransport", "s3:tlsversion"} and bool(
        statement.condition_keys()
    )
