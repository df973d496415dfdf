"""ENC004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import Owner, admits, key_of
from holdfast.checks.rule import ResourceRule


class LogsMayEncrypt(ResourceRule):
    """CloudWatch Logs can use the key of its log group."""

    id = "ENC004"
    resource_types = ("AWS::Logs::LogGroup",)
    remediation = (
        "Let logs.<region>.amazonaws.com do kms:Encrypt*, kms:Decrypt*, kms:ReEncrypt*, kms:GenerateDataKey* "
        "and kms:Describe* in the key's policy."
    )
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the key's policy, regional form of the principal included."""
        use = key_of(resource)
        if use.owner is Owner.NONE:
            return
        admitted = admits(use, "logs.amazonaws.com", ("kms:GenerateDataKey", "kms:Decrypt"))
        key = use.key.logical_id if use.key else "the key"
        message = f"the policy of {key} does not let CloudWatch Logs in: the log group cannot be created"
        yield from self.judged(resource, "KmsKeyId", admitted, message)
