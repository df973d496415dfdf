"""ENC008."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import rotates
from holdfast.checks.rule import ResourceRule


class KeyRotates(ResourceRule):
    """A symmetric customer-managed key is rotated every year."""

    id = "ENC008"
    severity = Severity.WARNING
    resource_types = ("AWS::KMS::Key",)
    remediation = "Set EnableKeyRotation to true."
    source = "https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at keys that AWS can rotate: symmetric, for encryption, with AWS's own material."""
        if resource.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
            return
        if (
            resource.get("Origin", "AWS_KMS") != "AWS_KMS"
            or resource.get("KeyUsage", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT"
        ):
            return
        yield from self.judged(resource, "EnableKeyRotation", rotates(resource), "its material is never rotated")
