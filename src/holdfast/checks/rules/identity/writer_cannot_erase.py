"""IAM003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import is_worn
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import role_may
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import holds_backups
from holdfast.checks.values import Undecided, as_bool


class WriterCannotErase(ResourceRule):
    """A role that writes backups cannot delete them.

    A bucket is taken for one of backups by its name or id. A bucket with Object Lock keeps its versions whatever a
    role may do; deleting a version stays an error.
    """

    id = "IAM003"
    resource_types = ("AWS::IAM::Role",)
    remediation = "Give deletion to a role of its own (pruning) and leave s3:DeleteObjectVersion to nobody."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at roles that something in the system wears."""
        if not is_worn(resource):
            return
        for bucket in resource.system.resources("AWS::S3::Bucket"):
            if not holds_backups(bucket):
                continue
            writes = role_may(resource, "s3:PutObject", bucket)
            erases = role_may(resource, "s3:DeleteObject", bucket)
            version = role_may(resource, "s3:DeleteObjectVersion", bucket)
            locked = as_bool(bucket.get("ObjectLockEnabled"))
            if version is True and locked is not True:
                yield self.violated(
                    resource, "", f"it may delete versions in {bucket.logical_id}: who steals it destroys the backups"
                )
            elif writes is True and erases is True and locked is not True:
                yield self.violated(resource, "", f"it writes backups to {bucket.logical_id} and may delete them too")
            elif writes is not False and isinstance(erases, Undecided) and locked is not True:
                yield self.undecided(resource, "", erases)
