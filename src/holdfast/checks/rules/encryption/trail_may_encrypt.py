"""ENC002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import Owner, admits, key_of
from holdfast.checks.rule import ResourceRule


class TrailMayEncrypt(ResourceRule):
    """CloudTrail can encrypt with the key that its trail or its bucket demands."""

    id = "ENC002"
    resource_types = ("AWS::CloudTrail::Trail",)
    remediation = (
        "Let cloudtrail.amazonaws.com do kms:GenerateDataKey* and kms:DescribeKey in the key's policy, and "
        "name the key in KMSKeyId."
    )
    source = "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the trail's own key, else at its bucket's."""
        use, prop = key_of(resource), "KMSKeyId"
        needed = ("kms:GenerateDataKey",)
        if use.owner is Owner.NONE:
            bucket = resource.system.find(resource.get("S3BucketName"), "AWS::S3::Bucket")
            use, prop = (key_of(bucket), "S3BucketName") if bucket else (use, prop)
        if use.owner in (Owner.NONE, Owner.AWS):
            return
        admitted = admits(use, "cloudtrail.amazonaws.com", needed)
        key = use.key.logical_id if use.key else "the key"
        message = f"the policy of {key} does not let cloudtrail.amazonaws.com in: the trail cannot be created"
        yield from self.judged(resource, prop, admitted, message)
