"""What the vault says about itself in tags and outputs, and the proof of it in the templates.

`tags_of` and `capabilities_of` say it from the settings; `contradictions` reads the synthesized templates, and a
claim they do not bear out stops the synthesis. Pure: no CDK here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.settings.backup_vault import BackupVault
from holdfast.settings.quantities import days_of, format_percent, spell_duration

Template = Mapping[str, Any]


def tags_of(settings: BackupVault) -> dict[str, str]:
    """Return the tags of every taggable resource; those of the settings win."""
    vault, promises = settings.vault, settings.promises
    tags = {
        "System": "BackupSystem",
        "Environment": settings.environment,
        "CostCenter": "DataProtection",
        "Project": "ClientReportsBackup",
        "Owner": "BackupTeam",
        "DataClassification": "Confidential",
        "BackupRetention": spell_duration(promises.retention),
        "DisasterRecovery": "CrossRegion",
        "Encryption": "CustomerManaged",
        "NetworkIsolation": "VPCEndpoints" if vault.private_network else "None",
        "MaxUsers": str(promises.users),
        "RTO": spell_duration(promises.rto),
        "RPO": spell_duration(promises.rpo),
    }
    if vault.compliance and vault.lock.mode != "off":
        tags["Compliance"] = vault.compliance
    return {**tags, **settings.tags}


def capabilities_of(settings: BackupVault) -> dict[str, Any]:
    """Return the output SystemCapabilities."""
    vault, promises = settings.vault, settings.promises
    return {
        "maxUsers": promises.users,
        "retentionDays": days_of(promises.retention),
        "deletedDataGoneAfterDays": days_of(promises.retention) + days_of(vault.keep_deleted) + 1,
        "rto": spell_duration(promises.rto),
        "rpo": spell_duration(promises.rpo),
        "availability": format_percent(promises.availability),
        "encryption": "SSE-KMS, customer-managed, one key a region",
        "replication": f"{settings.region} to {settings.replica_region}",
        "deduplication": True,
        "networkIsolation": vault.private_network,
        "auditLogging": True,
        "costOptimization": ["deduplication", *(["STANDARD_IA"] if vault.infrequent_access_after else [])],
    }


def contradictions(settings: BackupVault, primary: Template, replica: Template) -> list[str]:
    """Return what the templates do not bear out; none means that every claim is built."""
    return [text for built, text in _evidence(settings, primary, replica) if not built]


def _evidence(settings: BackupVault, primary: Template, replica: Template) -> Iterator[tuple[bool, str]]:
    claimed = capabilities_of(settings)
    bucket = bucket_named(primary, "backup-primary-")
    copy = bucket_named(replica, "backup-replication-")
    rules = bucket.get("ReplicationConfiguration", {}).get("Rules", [])
    yield any(_replicates(rule) for rule in rules), "replication: no enabled rule with the replica's key"
    yield settings.region != settings.replica_region, "replication: both regions are the same"
    data = [bucket, copy, bucket_named(primary, "backup-audit-trail-"), *_properties(primary, "AWS::DynamoDB::Table")]
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
    yield archive_classes(bucket) | archive_classes(copy) == set(), "rto: an archive class cannot be read at once"
    idle = "STANDARD_IA" in claimed["costOptimization"]
    yield idle is ("STANDARD_IA" in json.dumps(bucket)), "costOptimization: no transition to STANDARD_IA"


def _properties(template: Template, kind: str) -> list[dict[str, Any]]:
    return [one.get("Properties", {}) for one in template["Resources"].values() if one["Type"] == kind]


def bucket_named(template: Template, start: str) -> dict[str, Any]:
    """Return the properties of the bucket whose name begins so; empty if there is none."""
    found = [one for one in _properties(template, "AWS::S3::Bucket") if start in json.dumps(one.get("BucketName"))]
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


def archive_classes(bucket: Mapping[str, Any]) -> set[str]:
    """Return the storage classes objects move to that cannot be read at once."""
    classes = {
        move["StorageClass"]
        for rule in _rules(bucket)
        for move in [*rule.get("Transitions", []), *rule.get("NoncurrentVersionTransitions", [])]
    }
    tiers = {"INTELLIGENT_TIERING"} if bucket.get("IntelligentTieringConfigurations") else set()
    return (classes & {"GLACIER", "DEEP_ARCHIVE"}) | tiers
