"""STO001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import lifecycle, versioned
from holdfast.checks.values import Undecided


class VersionsExpire(ResourceRule):
    """A bucket that keeps versions and expires objects also expires the versions.

    An expiry only writes a delete marker; the version under it is paid for ever.
    """

    id = "STO001"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Add NoncurrentVersionExpiration to the lifecycle."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configuration-examples.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at versioned buckets with an expiry."""
        rules = lifecycle(resource)
        expiring = [rule for rule in rules if rule.expires is not None]
        if not expiring or any(rule.noncurrent_expires is not None for rule in rules):
            return
        keeps = versioned(resource)
        message = f"objects expire after {expiring[0].expires} days and their versions stay for ever"
        gone = keeps if isinstance(keeps, Undecided) else not keeps
        yield from self.judged(resource, expiring[0].path, gone, message)
