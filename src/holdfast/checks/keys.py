"""Says which key encrypts a resource, and whom that key's policy lets in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.system import System
from holdfast.checks.identity import canonical
from holdfast.checks.policies import Statement, Verdict, allowed, knowable, statements
from holdfast.checks.values import Text, Undecided, Value, as_bool, as_text, is_undecided

KEY_TYPES = ("AWS::KMS::Key", "AWS::KMS::ReplicaKey")


class Owner(Enum):
    """Whose key it is."""

    NONE = "none"
    AWS = "aws"
    CUSTOMER = "customer"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class KeyUse:
    """The key behind a property: `key` is set when the system declares it."""

    owner: Owner
    key: Resource | None = None
    reason: str = ""


# Where each type names the key that encrypts it.
KEY_PROPERTIES: dict[str, str] = {
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::DynamoDB::Table": "SSESpecification.KMSMasterKeyId",
    "AWS::RDS::DBCluster": "KmsKeyId",
    "AWS::RDS::DBInstance": "KmsKeyId",
    "AWS::SecretsManager::Secret": "KmsKeyId",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::CloudTrail::Trail": "KMSKeyId",
    "AWS::Backup::BackupVault": "EncryptionKeyArn",
    "AWS::EFS::FileSystem": "KmsKeyId",
    "AWS::EC2::Volume": "KmsKeyId",
    "AWS::Lambda::Function": "KmsKeyArn",
    "AWS::Kinesis::Stream": "StreamEncryption.KeyId",
}
BUCKET_DEFAULT = "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault"


def key_value(resource: Resource) -> Value:
    """Return what a resource writes where its key belongs; None when it writes nothing."""
    if resource.type == "AWS::S3::Bucket":
        algorithm = resource.get(f"{BUCKET_DEFAULT}.SSEAlgorithm")
        if isinstance(algorithm, Undecided):
            return algorithm
        if algorithm not in ("aws:kms", "aws:kms:dsse"):
            return None
        return resource.get(f"{BUCKET_DEFAULT}.KMSMasterKeyID", "alias/aws/s3")
    path = KEY_PROPERTIES.get(resource.type)
    return resource.get(path) if path else None


def key_of(resource: Resource) -> KeyUse:
    """Return which key encrypts a resource of a type in `KEY_PROPERTIES`, or a bucket."""
    return key_named(resource.system, key_value(resource))


def key_named(system: System, value: Value) -> KeyUse:
    """Return the key that a value means, through an alias of the system if need be."""
    if value is None or value == "":
        return KeyUse(Owner.NONE)
    if isinstance(value, Undecided):
        return KeyUse(Owner.UNKNOWN, reason=value.reason)
    key = system.find(value, *KEY_TYPES)
    if key is not None:
        return KeyUse(Owner.CUSTOMER, key)
    alias = system.find(value, "AWS::KMS::Alias")
    if alias is not None:
        return key_named(system, alias.get("TargetKeyId"))
    text = canonical(as_text(value) or "")
    if "alias/aws/" in text:
        return KeyUse(Owner.AWS)
    if is_undecided(value) and not (isinstance(value, Text) and text.startswith("arn:aws:kms:")):
        return KeyUse(Owner.UNKNOWN, reason=text)
    return KeyUse(Owner.CUSTOMER, reason=f"{text} is not in the templates")


def key_statements(key: Resource) -> list[Statement]:
    """Return the statements of a key's policy."""
    return statements(key.get("KeyPolicy"), "KeyPolicy")


def admits(use: KeyUse, service: str, actions: Sequence[str]) -> Verdict:
    """Tell whether a key's policy lets a service use it for `actions`; AWS's own keys let in only their own service."""
    if use.key is None:
        return False if use.owner is Owner.AWS else Undecided(use.reason or "no key")
    unknown = knowable(use.key.get("KeyPolicy"))
    verdict = allowed(key_statements(use.key), service, actions)
    return unknown if verdict is False and unknown is not None else verdict


def rotates(key: Resource) -> bool | Undecided:
    """Tell whether AWS turns a key's material every year."""
    return as_bool(key.get("EnableKeyRotation"))
