"""PRO004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import holds_backups, lifecycle
from holdfast.checks.values import Undecided


class GoneAfterRetention(ResourceRule):
    """Backups are gone soon after the promised retention, not twice as late.

    Data that is kept longer than promised is paid for, and may be what a deletion duty forbids.
    """

    id = "PRO004"
    severity = Severity.WARNING
    demand = ("retention",)
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Split the promised days between current and noncurrent expiry."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configuration-examples.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Add current and noncurrent expiry of buckets of backups."""
        promised = resource.system.demands.retention
        if promised is None or not holds_backups(resource):
            return
        rules = [rule for rule in lifecycle(resource) if rule.whole_bucket]
        current = next((rule.expires for rule in rules if rule.expires is not None), None)
        older = next((rule.noncurrent_expires for rule in rules if rule.noncurrent_expires is not None), 0)
        if current is None or older is None:
            return
        if isinstance(current, Undecided) or isinstance(older, Undecided):
            yield self.undecided(
                resource, "LifecycleConfiguration", current if isinstance(current, Undecided) else older
            )
        elif current + older >= 1.5 * promised.days:
            message = (
                f"{current:g} days current + {older:g} days noncurrent = {current + older:g}, only "
                f"{promised.days} are promised"
            )
            yield self.violated(resource, "LifecycleConfiguration", message)
