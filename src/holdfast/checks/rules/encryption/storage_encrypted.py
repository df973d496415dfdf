"""ENC007."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_bool


class StorageEncrypted(ResourceRule):
    """A database, file system or volume encrypts its storage.

    Encryption cannot be switched on later without a copy. An instance of a cluster takes the cluster's.
    """

    id = "ENC007"
    resource_types = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::EFS::FileSystem", "AWS::EC2::Volume")
    remediation = "Set StorageEncrypted (Encrypted) to true."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Overview.Encryption.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the switch, unless a snapshot or a cluster decides."""
        if resource.get("DBClusterIdentifier") is not None and resource.type == "AWS::RDS::DBInstance":
            return
        if any(resource.get(origin) is not None for origin in _ORIGINS):
            return
        prop = "StorageEncrypted" if resource.type.startswith("AWS::RDS::") else "Encrypted"
        message = "its storage is not encrypted, and only a copy can change that later"
        yield from self.judged(resource, prop, as_bool(resource.get(prop)), message)


_ORIGINS = (
    "SnapshotIdentifier",
    "DBSnapshotIdentifier",
    "SourceDBInstanceIdentifier",
    "SnapshotId",
    "GlobalClusterIdentifier",
)
