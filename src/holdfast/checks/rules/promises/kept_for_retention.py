"""PRO003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import holds_backups, lifecycle
from holdfast.checks.values import Undecided, as_number


class KeptForRetention(ResourceRule):
    """Backups are kept as long as is promised.

    For a bucket the sum is the expiry of the current version plus that of noncurrent ones. Automated backups of a
    database reach back 35 days at most; a longer promise needs a plan.
    """

    id = "PRO003"
    demand = ("retention",)
    resource_types = ("AWS::S3::Bucket", "AWS::RDS::DBCluster", "AWS::Backup::BackupPlan")
    remediation = "Raise the expiry or the retention."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configuration-examples.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare each kind of retention with the promise."""
        promised = resource.system.demands.retention
        if promised is None:
            return
        if resource.type == "AWS::S3::Bucket":
            yield from self._bucket(resource, promised.days)
        elif resource.type == "AWS::RDS::DBCluster" and not resource.system.resources("AWS::Backup::BackupPlan"):
            days = as_number(resource.get("BackupRetentionPeriod"), 1)
            enough = days if isinstance(days, Undecided) else (days or 0) >= promised.days
            message = f"automated backups reach back {days} days, {promised.days} are promised"
            yield from self.judged(resource, "BackupRetentionPeriod", enough, message)

    def _bucket(self, bucket: Resource, promised: int) -> Iterator[Finding]:
        if not holds_backups(bucket):
            return
        for rule in lifecycle(bucket):
            if not rule.whole_bucket or rule.expires is None:
                continue
            where = f"{rule.path}.ExpirationInDays"
            if isinstance(rule.expires, Undecided):
                yield self.undecided(bucket, where, rule.expires)
                continue
            older = rule.noncurrent_expires if isinstance(rule.noncurrent_expires, int | float) else 0
            if rule.expires + older < promised:
                message = (
                    f"{rule.expires:g} days current + {older:g} days noncurrent = "
                    f"{rule.expires + older:g}, {promised} are promised"
                )
                yield self.violated(bucket, where, message)
