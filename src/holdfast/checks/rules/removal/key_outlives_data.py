"""REM002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import KEY_PROPERTIES, key_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class KeyOutlivesData(ResourceRule):
    """A key lives as long as the data it encrypts, final snapshots included."""

    id = "REM002"
    resource_types = ("AWS::KMS::Key",)
    remediation = "Set DeletionPolicy and UpdateReplacePolicy of the key to Retain."
    source = "https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at what the key encrypts and which of it stays."""
        own = resource.policy("DeletionPolicy") or "Delete"
        if own.startswith("Retain"):
            return
        for other in _encrypted(resource):
            default = "Snapshot" if other.type in ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance") else "Delete"
            policy = other.policy("DeletionPolicy") or default
            if is_undecided(other.properties.get("DBClusterIdentifier")) or policy == "Delete" or own.startswith("${"):
                continue
            if policy.startswith("${?"):
                yield self.undecided(resource, "DeletionPolicy", f"the policy of {other.logical_id} is a parameter")
                return
            what = "leaves a final snapshot" if policy == "Snapshot" else "stays"
            message = (
                f"{other.logical_id} {what} and its key goes with the stack: after the waiting period "
                "nobody can read it"
            )
            yield self.violated(resource, "DeletionPolicy", message)
            return


_HOLDERS = (*KEY_PROPERTIES, "AWS::S3::Bucket")


def _encrypted(key: Resource) -> Iterator[Resource]:
    for other in key.system.resources(*_HOLDERS):
        member = other.type == "AWS::RDS::DBInstance" and other.get("DBClusterIdentifier") is not None
        if (
            other.type not in ("AWS::Logs::LogGroup", "AWS::CloudTrail::Trail")
            and not member
            and key_of(other).key is key
        ):
            yield other
