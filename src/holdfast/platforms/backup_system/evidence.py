"""What the templates of a backup system bear out of what it says about itself. Pure: no CDK here.

A claim they do not bear out stops the synthesis.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.settings.backup_engine import BackupSettings

Template = Mapping[str, Any]


def contradictions(
    claimed: Mapping[str, Any], settings: BackupSettings, primary: Template, replica: Template
) -> list[str]:
    """Return which of `claimed`, a platform's capabilities, the templates do not bear out; none if all is built."""
    return [text for built, text in _evidence(claimed, settings, primary, replica) if not built]


def _evidence(
    claimed: Mapping[str, Any], settings: BackupSettings, primary: Template, replica: Template
) -> Iterator[tuple[bool, str]]:
    bucket = bucket_of(primary, "primary")
    copy = bucket_of(replica, "replication")
    rules = bucket.get("ReplicationConfiguration", {}).get("Rules", [])
    yield any(_replicates(rule) for rule in rules), "replication: no enabled rule with the replica's key"
    yield settings.region != settings.replica_region, "replication: both regions are the same"
    data = [bucket, copy, bucket_of(primary, "audit-trail"), *_properties(primary, "AWS::DynamoDB::Table")]
    yield all(_customer_key(one) for one in data), "encryption: a bucket or table lacks a customer-managed key"
    endpoints = _properties(primary, "AWS::EC2::VPCEndpoint")
    isolated = bool(endpoints) and not _properties(primary, "AWS::EC2::InternetGateway")
    yield claimed["networkIsolation"] is isolated, "networkIsolation: the VPC and its endpoints say otherwise"
    trails = _properties(primary, "AWS::CloudTrail::Trail")
    yield any(t.get("IsLogging") and t.get("KMSKeyId") for t in trails), "auditLogging: no encrypted trail is logging"
    worker = [f for f in _properties(primary, "AWS::Lambda::Function") if "back_up" in f["Handler"]]
    yield bool(worker) and _sees_table(worker[0]), "deduplication: no worker that knows the table"
    yield (
        not expires_by_age(bucket) and not expires_by_age(copy),
        "retention: a lifecycle rule expires current objects by age",
    )
    prune = [f for f in _properties(primary, "AWS::Lambda::Function") if ".prune." in f["Handler"]]
    kept = [f["Environment"]["Variables"].get("HOLDFAST_RETENTION_DAYS") for f in prune]
    yield kept == [str(claimed["retentionDays"])], f"retentionDays: prune keeps {kept}"
    cold = [archive_classes(one, of_removed=not settings.removed_turn_cold) for one in (bucket, copy)]
    yield cold == [set(), set()], "rto: an archive class cannot be read at once"


def _properties(template: Template, kind: str) -> list[dict[str, Any]]:
    return [one.get("Properties", {}) for one in template["Resources"].values() if one["Type"] == kind]


def bucket_of(template: Template, kind: str) -> dict[str, Any]:
    """Return the properties of the bucket with this part, `primary` or `replication`; empty if there is none."""
    found = [
        one for one in _properties(template, "AWS::S3::Bucket") if f"-{kind}-" in json.dumps(one.get("BucketName"))
    ]
    return found[0] if found else {}


def _replicates(rule: Mapping[str, Any]) -> bool:
    sse = rule.get("SourceSelectionCriteria", {}).get("SseKmsEncryptedObjects", {}).get("Status")
    key = rule.get("Destination", {}).get("EncryptionConfiguration", {}).get("ReplicaKmsKeyID")
    return rule.get("Status") == "Enabled" and sse == "Enabled" and bool(key)


def _customer_key(properties: Mapping[str, Any]) -> bool:
    return "KMSMasterKeyID" in json.dumps(properties) or "KMSMasterKeyId" in json.dumps(properties)


def _sees_table(function: Mapping[str, Any]) -> bool:
    return "DEDUPLICATION_TABLE" in function["Environment"]["Variables"]


def _rules(bucket: Mapping[str, Any]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
    return rules


def expires_by_age(bucket: Mapping[str, Any]) -> bool:
    """Return whether a lifecycle rule removes current objects however much they are used."""
    return any("ExpirationInDays" in rule or "ExpirationDate" in rule for rule in _rules(bucket))


def archive_classes(bucket: Mapping[str, Any], *, of_removed: bool = True) -> set[str]:
    """Return the storage classes objects move to that cannot be read at once.

    Args:
        of_removed: whether versions that are not current count. They belong to no snapshot, because prune alone
            removes objects and nothing replaces one.
    """
    kinds = ["Transitions", *(["NoncurrentVersionTransitions"] if of_removed else [])]
    classes = {move["StorageClass"] for rule in _rules(bucket) for kind in kinds for move in rule.get(kind, [])}
    tiers = {"INTELLIGENT_TIERING"} if bucket.get("IntelligentTieringConfigurations") else set()
    return (classes & {"GLACIER", "DEEP_ARCHIVE"}) | tiers


def moves_to(primary: Template, storage_class: str) -> bool:
    """Return whether objects of the primary bucket move to a storage class."""
    return f'"{storage_class}"' in json.dumps(_rules(bucket_of(primary, "primary")))
