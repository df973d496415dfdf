"""STO011."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import holds_backups, log_sources
from holdfast.checks.values import as_bool

_FLAGS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


class PublicAccessBlocked(ResourceRule):
    """A bucket with backups or logs blocks public access in all four ways."""

    id = "STO011"
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Set the four flags of PublicAccessBlockConfiguration to true."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at what is written; new buckets block everything when nothing is."""
        config = resource.get("PublicAccessBlockConfiguration")
        if config is None or not (holds_backups(resource) or any(log_sources(resource))):
            return
        for flag in _FLAGS:
            blocked = as_bool(resource.get(f"PublicAccessBlockConfiguration.{flag}"))
            message = f"{flag} is off: one policy makes backups or logs public"
            yield from self.judged(resource, f"PublicAccessBlockConfiguration.{flag}", blocked, message)
