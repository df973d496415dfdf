"""REP004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import Owner, key_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import rules_of
from holdfast.checks.values import is_undecided


class EncryptedObjectsToo(ResourceRule):
    """Objects encrypted with KMS are replicated too, under a key of the replica's region.

    Without SourceSelectionCriteria S3 leaves every SSE-KMS object out, which is all of them when the bucket's default
    is SSE-KMS.
    """

    id = "REP004"
    resource_types = ("AWS::S3::Bucket",)
    remediation = (
        "Set SourceSelectionCriteria.SseKmsEncryptedObjects.Status to Enabled and "
        "Destination.EncryptionConfiguration.ReplicaKmsKeyID."
    )
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the rules of a bucket whose default is SSE-KMS."""
        use = key_of(resource)
        for index, _ in rules_of(resource):
            where = f"ReplicationConfiguration.Rules.{index}"
            chosen = resource.get(f"{where}.SourceSelectionCriteria.SseKmsEncryptedObjects.Status")
            key = resource.get(f"{where}.Destination.EncryptionConfiguration.ReplicaKmsKeyID")
            if use.owner is Owner.UNKNOWN and chosen is None:
                yield self.undecided(resource, where, use.reason)
            elif use.owner in (Owner.CUSTOMER, Owner.AWS) and chosen != "Enabled":
                if is_undecided(chosen):
                    yield self.undecided(resource, f"{where}.SourceSelectionCriteria", chosen)
                else:
                    message = "the bucket encrypts with KMS and the rule leaves such objects out: nothing is replicated"
                    yield self.violated(resource, f"{where}.SourceSelectionCriteria", message)
            elif chosen == "Enabled" and key is None:
                message = "the rule selects KMS objects and names no key for the replica: S3 refuses it"
                yield self.violated(resource, f"{where}.Destination", message)
