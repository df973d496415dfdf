from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.backup_archive.conftest import Archive
from tests.platforms.conftest import Stacks
from tests.platforms.reading import Resource, as_list, meets, policy_documents, statement

ACCOUNT = "{AWS::AccountId}"
COLD = {"keep_deleted": "365d", "cold": {"glacier_after": "60d", "deep_archive_after": "150d"}}
SLOW = {"GLACIER", "DEEP_ARCHIVE"}


def rules(bucket: Resource) -> dict[str, dict[str, Any]]:
    return {rule["Id"]: rule for rule in bucket["LifecycleConfiguration.Rules"]}


def default_encryption(bucket: Resource) -> dict[str, Any]:
    found: dict[str, Any] = bucket["BucketEncryption.ServerSideEncryptionConfiguration"][0][
        "ServerSideEncryptionByDefault"
    ]
    return found


@meets("BK-04", "BK-14")
def test_buckets_have_their_names(stacks: Stacks) -> None:
    assert stacks.primary.bucket("arch-primary-")["BucketName"] == f"arch-primary-dev-{ACCOUNT}-us-east-1"
    assert stacks.replica.bucket("arch-replication-")["BucketName"] == f"arch-replication-dev-{ACCOUNT}-us-west-2"


@meets("BK-05", "BK-06", "BK-07", "BK-14")
def test_both_copies_are_versioned_encrypted_with_their_regions_key_and_private(stacks: Stacks) -> None:
    for template, start in ((stacks.primary, "arch-primary-"), (stacks.replica, "arch-replication-")):
        bucket = template.bucket(start)
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        key = template.one("AWS::KMS::Key")
        assert default_encryption(bucket) == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": f"{{{key.id}.Arn}}"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4


@meets("BK-02")
def test_one_rotating_key_a_region_encrypts_buckets_tables_queues_and_topic(stacks: Stacks) -> None:
    key = stacks.primary.one("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    arn = f"{{{key.id}.Arn}}"
    buckets = [one for one in stacks.primary.of("AWS::S3::Bucket") if "access-logs" not in one["BucketName"]]
    assert {default_encryption(one)["KMSMasterKeyID"] for one in buckets} == {arn}
    assert {one["SSESpecification.KMSMasterKeyId"] for one in stacks.primary.of("AWS::DynamoDB::Table")} == {arn}
    assert {one["KmsMasterKeyId"] for one in stacks.primary.of("AWS::SQS::Queue")} == {arn}
    assert stacks.primary.one("AWS::SNS::Topic")["KmsMasterKeyId"] == arn


@meets("BK-08")
def test_objects_tier_by_themselves_after_a_day(stacks: Stacks) -> None:
    for template, start in ((stacks.primary, "arch-primary-"), (stacks.replica, "arch-replication-")):
        rule = rules(template.bucket(start))["IntelligentTiering"]
        assert rule["Status"] == "Enabled"
        assert rule["Transitions"] == [{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 1}]
        assert not template.bucket(start).get("IntelligentTieringConfigurations")


@meets("BK-09", "BK-10", "BK-44")
@pytest.mark.parametrize("section", [{}, COLD])
def test_what_a_snapshot_refers_to_is_always_read_at_once(archive: Archive, section: dict[str, Any]) -> None:
    built = archive(archive=section)
    for template, start in ((built.primary, "arch-primary-"), (built.replica, "arch-replication-")):
        moves = [move for rule in rules(template.bucket(start)).values() for move in rule.get("Transitions", [])]
        assert {move["StorageClass"] for move in moves}.isdisjoint(SLOW)


@meets("BK-11", "BK-12", "BK-43")
def test_age_ends_only_what_prune_removed(stacks: Stacks) -> None:
    for template, start in ((stacks.primary, "arch-primary-"), (stacks.replica, "arch-replication-")):
        found = rules(template.bucket(start))
        assert not any("ExpirationInDays" in rule or "ExpirationDate" in rule for rule in found.values())
        assert found["Removed"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
        assert found["Removed"]["ExpiredObjectDeleteMarker"] is True
    assert stacks.primary.function("prune")["Environment.Variables.HOLDFAST_RETENTION_DAYS"] == "60"


@meets("BK-09", "BK-10", "BK-47")
def test_what_prune_removed_turns_cold_in_one_valid_rule(archive: Archive) -> None:
    built = archive(archive=COLD)
    for template, start in ((built.primary, "arch-primary-"), (built.replica, "arch-replication-")):
        rule = rules(template.bucket(start))["Removed"]
        glacier, deep = rule["NoncurrentVersionTransitions"]
        assert (glacier["StorageClass"], deep["StorageClass"]) == ("GLACIER", "DEEP_ARCHIVE")
        assert glacier["TransitionInDays"] >= 60
        assert deep["TransitionInDays"] - glacier["TransitionInDays"] >= 90
        assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] - deep["TransitionInDays"] >= 180


@meets("BK-15")
def test_every_object_is_replicated_into_the_other_region_with_its_key(stacks: Stacks) -> None:
    (rule,) = stacks.primary.bucket("arch-primary-")["ReplicationConfiguration.Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    replica = stacks.replica.bucket("arch-replication-")["BucketName"]
    assert rule["Destination"]["Bucket"].endswith(f":s3:::{replica}")
    assert rule["Destination"]["EncryptionConfiguration"] == {"ReplicaKmsKeyID": "{ReplicaKey.KeyArn}"}
    assert rule["Destination"]["Metrics"]["Status"] == "Enabled"


@meets("BK-41")
def test_access_to_objects_is_logged_twice(stacks: Stacks) -> None:
    primary = stacks.primary
    logs = primary.bucket("arch-access-logs-")
    assert primary.bucket("arch-primary-")["LoggingConfiguration.DestinationBucketName"] == f"{{{logs.id}}}"
    allowed = statement(primary.bucket_policy("arch-access-logs-"), "AllowAccessLogs")
    assert allowed["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    trail = primary.one("AWS::CloudTrail::Trail")
    assert trail["IsLogging"] is True
    assert trail["IsMultiRegionTrail"] is True
    (selector,) = trail["EventSelectors"]
    assert selector["IncludeManagementEvents"] is True
    recorded = selector["DataResources"][0]["Values"]
    assert [one.partition(":::")[2] for one in recorded] == [
        f"arch-primary-dev-{ACCOUNT}-us-east-1/backups/",
        f"arch-replication-dev-{ACCOUNT}-us-west-2/backups/",
    ]


@meets("BK-13", "BK-03")
def test_written_destruction_empties_every_bucket_before_it_goes(archive: Archive) -> None:
    built = archive(removal="destroy")
    primary, emptied = built.primary, built.primary.one("Custom::EmptiedBuckets")
    buckets = primary.of("AWS::S3::Bucket")
    own = {f"us-east-1/{{{one.id}}}" for one in buckets}
    assert set(emptied["Buckets"]) == {*own, f"us-west-2/arch-replication-dev-{ACCOUNT}-us-west-2"}
    assert {one.id for one in buckets} <= set(emptied.raw["DependsOn"])
    for writer in [
        *primary.of("AWS::CloudTrail::Trail"),
        *primary.of("AWS::Events::Rule"),
        *primary.of("AWS::Lambda::EventSourceMapping"),
    ]:
        assert emptied.id in as_list(writer.raw["DependsOn"])
    kept = [one for template in built[:2] for one in template.resources if one.raw.get("DeletionPolicy") != "Delete"]
    assert not [one.id for one in kept if one.type in ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table")]
    assert not [one.id for one in buckets if one.get("ObjectLockEnabled")]


@meets("BK-03", "BK-13")
def test_data_and_its_key_outlive_the_stack_and_are_locked_unless_destruction_is_written(stacks: Stacks) -> None:
    for template in (stacks.primary, stacks.replica):
        for one in template.resources:
            if one.type in ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table"):
                assert one.raw["DeletionPolicy"] == "RetainExceptOnCreate", one.id
        assert template.of("Custom::EmptiedBuckets") == []
    for template, start in ((stacks.primary, "arch-primary-"), (stacks.replica, "arch-replication-")):
        lock = template.bucket(start)["ObjectLockConfiguration.Rule.DefaultRetention"]
        assert lock == {"Mode": "GOVERNANCE", "Days": 60}


@meets("BK-13")
def test_nobody_else_may_delete_a_version(archive: Archive) -> None:
    template = archive(removal="destroy").primary
    able = {id_ for id_, one in policy_documents(template) if "s3:DeleteObjectVersion" in as_list(one["Action"])}
    assert {id_[: len("EmptyRole")] for id_ in able} == {"EmptyRole"}


STATEFUL = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SQS::Queue"}


def test_logical_ids_of_stateful_resources_stay_as_they_are(stacks: Stacks) -> None:
    """A changed id replaces the resource: change this list only with a way for the data."""
    found = [sorted(one.id for one in template.resources if one.type in STATEFUL) for template in stacks[:2]]
    assert found == [
        [
            "AccessLogsBucketCD784A59",
            "AuditTrailBucketCC8D1451",
            "BackupQueue620E91E2",
            "DeadLettersQueue631681B1",
            "DeduplicationTable48BDE1DC",
            "LostEventsQueueA970EB2F",
            "MetadataTableC8A01DE2",
            "PrimaryBucketD7F3B2DB",
            "PrimaryKeyCA3E73BD",
            "RestoreBucketBD210236",
            "SourceBucket7A793AB3",
        ],
        ["ReplicationBucket7D999F3B", "ReplicationKey96343F12"],
    ]
