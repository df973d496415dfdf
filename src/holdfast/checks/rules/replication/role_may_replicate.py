"""REP003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import Owner, key_of
from holdfast.checks.policies import names_value, role_may, role_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import rules_of
from holdfast.checks.values import Undecided


class RoleMayReplicate(ResourceRule):
    """The replication role may read the source, write the replica, and use both keys."""

    id = "REP003"
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Give the role the actions that the message names."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the role's policies for each side."""
        role = role_of(resource.system, resource.get("ReplicationConfiguration.Role"))
        if role is None:
            return
        wanted: list[tuple[str, Resource | None]] = [(action, resource) for action in _READ]
        source = key_of(resource)
        if source.owner is Owner.CUSTOMER:
            wanted.append(("kms:Decrypt", source.key))
        for index, rule in rules_of(resource):
            copy = resource.system.find(rule["Destination"].get("Bucket"), "AWS::S3::Bucket")
            wanted += [(action, copy) for action in _WRITE]
            named = resource.get(f"ReplicationConfiguration.Rules.{index}.Destination.{_KEY}")
            if source.owner is Owner.CUSTOMER and copy is not None and not names_value(role, "kms:Encrypt", named):
                wanted.append(("kms:Encrypt", key_of(copy).key))
        verdicts = [(action, target, role_may(role, action, target)) for action, target in wanted]
        missing = [
            f"{action} on {target.logical_id if target else 'the replica'}"
            for action, target, v in verdicts
            if v is False
        ]
        unknown = next((v for _, _, v in verdicts if isinstance(v, Undecided)), None)
        if missing:
            message = f"{role.logical_id} may not {', '.join(missing)}: objects fail to replicate"
            yield self.violated(resource, "ReplicationConfiguration.Role", message)
        elif unknown is not None:
            yield self.undecided(resource, "ReplicationConfiguration.Role", unknown)


_READ = ("s3:GetReplicationConfiguration", "s3:ListBucket", "s3:GetObjectVersionForReplication")
_KEY = "EncryptionConfiguration.ReplicaKmsKeyID"
_WRITE = ("s3:ReplicateObject",)
