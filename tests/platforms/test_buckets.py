from __future__ import annotations

import pytest

from tests.platforms.conftest import Stacks, Synthesis
from tests.platforms.reading import Resource, Template, meets, statement

ACCOUNT = "{AWS::AccountId}"
BUCKETS = [
    ("primary", "backup-primary-"),
    ("primary", "backup-access-logs-"),
    ("primary", "backup-audit-trail-"),
    ("primary", "backup-source-"),
    ("primary", "backup-restore-"),
    ("replica", "backup-replication-"),
]
BLOCKED = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)


def default_encryption(bucket: Resource) -> dict[str, str]:
    rule = bucket["BucketEncryption.ServerSideEncryptionConfiguration"][0]
    found: dict[str, str] = rule["ServerSideEncryptionByDefault"]
    return found


def rules(bucket: Resource) -> dict[str, dict[str, object]]:
    return {rule["Id"]: rule for rule in bucket["LifecycleConfiguration.Rules"]}


@meets("BS-23", "BS-26", "BS-33", "BS-66")
@pytest.mark.parametrize(("region", "start"), BUCKETS)
def test_bucket_is_private_owned_versioned_retained_and_named(stacks: Stacks, region: str, start: str) -> None:
    template: Template = getattr(stacks, region)
    bucket = template.bucket(start)
    place = "us-east-1" if region == "primary" else "us-west-2"
    assert bucket["BucketName"] == f"{start}dev-{ACCOUNT}-{place}"
    assert bucket["PublicAccessBlockConfiguration"] == BLOCKED
    assert bucket["OwnershipControls.Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["VersioningConfiguration.Status"] == "Enabled"
    assert bucket.raw["DeletionPolicy"] == "RetainExceptOnCreate"


@meets("BS-35")
@pytest.mark.parametrize(("region", "start"), BUCKETS)
def test_plain_http_is_denied(stacks: Stacks, region: str, start: str) -> None:
    template: Template = getattr(stacks, region)
    arn = f"{{{template.bucket(start).id}.Arn}}"
    denied = [one for one in template.bucket_policy(start) if "aws:SecureTransport" in str(one.get("Condition"))]
    assert denied == [
        {
            "Effect": "Deny",
            "Action": "s3:*",
            "Principal": {"AWS": "*"},
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def test_no_bucket_is_left_out_of_these_tests(stacks: Stacks) -> None:
    named = {
        (region, bucket["BucketName"].split("dev-")[0])
        for region in ("primary", "replica")
        for bucket in getattr(stacks, region).of("AWS::S3::Bucket")
    }
    assert named == set(BUCKETS)


@meets("BS-26", "BS-33", "BS-66")
@pytest.mark.parametrize(
    ("region", "start"),
    [("primary", "backup-primary-"), ("primary", "backup-audit-trail-"), ("replica", "backup-replication-")],
)
def test_stored_objects_are_encrypted_with_the_regions_key(stacks: Stacks, region: str, start: str) -> None:
    template: Template = getattr(stacks, region)
    key = template.one("AWS::KMS::Key")
    assert default_encryption(template.bucket(start)) == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": f"{{{key.id}.Arn}}",
    }


@meets("BS-24")
def test_access_logs_use_the_only_encryption_a_log_target_may_have(primary: Template) -> None:
    logs = primary.bucket("backup-access-logs-")
    assert default_encryption(logs) == {"SSEAlgorithm": "AES256"}
    assert logs.get("ObjectLockEnabled") is None


@meets("BS-23", "BS-66")
@pytest.mark.parametrize("start", ["backup-access-logs-", "backup-audit-trail-"])
def test_audit_logs_expire_after_seven_years(primary: Template, start: str) -> None:
    assert [rule["ExpirationInDays"] for rule in rules(primary.bucket(start)).values()] == [2555]


@meets("BS-25")
def test_access_logs_are_accepted_from_the_primary_bucket_of_this_account_alone(primary: Template) -> None:
    allowed = statement(primary.bucket_policy("backup-access-logs-"), "AllowAccessLogs")
    assert allowed["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert allowed["Action"] == "s3:PutObject"
    assert allowed["Condition"] == {
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::backup-primary-dev-{ACCOUNT}-us-east-1"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }


@meets("BS-27")
def test_primary_bucket_logs_under_its_prefix(primary: Template) -> None:
    assert primary.bucket("backup-primary-")["LoggingConfiguration"] == {
        "DestinationBucketName": f"{{{primary.bucket('backup-access-logs-').id}}}",
        "LogFilePrefix": "backup-bucket-access-logs/",
    }


@meets("BS-28", "BS-29")
def test_no_acceleration_and_no_archive_tier_is_paid_for_in_vain(stacks: Stacks) -> None:
    for template in (stacks.primary, stacks.replica):
        for bucket in template.of("AWS::S3::Bucket"):
            assert bucket.get("AccelerateConfiguration") is None
            assert bucket.get("IntelligentTieringConfigurations") is None


@meets("BS-30", "BS-33", "BS-57")
@pytest.mark.parametrize(("region", "start"), [("primary", "backup-primary-"), ("replica", "backup-replication-")])
def test_lifecycle_removes_only_what_prune_removed_and_what_was_never_finished(
    stacks: Stacks, region: str, start: str
) -> None:
    retention = rules(getattr(stacks, region).bucket(start))["backup-retention-policy"]
    assert retention == {
        "Id": "backup-retention-policy",
        "Status": "Enabled",
        "ExpiredObjectDeleteMarker": True,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 60},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }


@meets("BS-31")
@pytest.mark.parametrize(("region", "start"), [("primary", "backup-primary-"), ("replica", "backup-replication-")])
def test_objects_move_to_infrequent_access_after_thirty_days(stacks: Stacks, region: str, start: str) -> None:
    assert rules(getattr(stacks, region).bucket(start))["transition-to-ia"] == {
        "Id": "transition-to-ia",
        "Status": "Enabled",
        "Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 30}],
        "NoncurrentVersionTransitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 30}],
    }


@meets("BS-32", "BS-59")
def test_no_class_is_used_that_cannot_be_read_at_once(stacks: Stacks) -> None:
    for template in (stacks.primary, stacks.replica):
        for bucket in template.of("AWS::S3::Bucket"):
            text = str(bucket.get("LifecycleConfiguration"))
            assert "GLACIER" not in text
            assert "DEEP_ARCHIVE" not in text


def test_versions_that_leave_before_the_minimum_of_infrequent_access_do_not_move_there(synthesis: Synthesis) -> None:
    template = synthesis(vault={"keep_deleted": "14d"}).primary
    found = rules(template.bucket("backup-primary-"))
    assert found["backup-retention-policy"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 14}
    assert "NoncurrentVersionTransitions" not in found["transition-to-ia"]


@meets("BS-34")
def test_every_object_is_replicated_with_the_other_regions_key(primary: Template) -> None:
    configuration = primary.bucket("backup-primary-")["ReplicationConfiguration"]
    (rule,) = configuration["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["Filter"] == {"Prefix": ""}
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}
    assert rule["Destination"] == {
        "Bucket": f"arn:aws:s3:::backup-replication-dev-{ACCOUNT}-us-west-2",
        "EncryptionConfiguration": {"ReplicaKmsKeyID": "{ReplicaKey.KeyArn}"},
        "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
        "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
    }


@meets("BS-02", "BS-34")
def test_the_other_regions_key_is_found_where_the_replica_stack_leaves_it(stacks: Stacks) -> None:
    finder = stacks.primary.one("Custom::ReplicaKey")
    parameter = stacks.replica.one("AWS::SSM::Parameter")
    assert (finder["Region"], finder["Parameter"]) == ("us-west-2", parameter["Name"])
    assert parameter["Value"] == f"{{{stacks.replica.one('AWS::KMS::Key').id}.Arn}}"
    (right,) = stacks.primary.rights("replica-key")
    assert right["Action"] == "ssm:GetParameter"
    assert right["Resource"] == f"arn:aws:ssm:us-west-2:{ACCOUNT}:parameter{parameter['Name']}"


@meets("BS-34")
def test_replication_role_may_read_versions_and_locks_and_write_replicas_and_no_more(primary: Template) -> None:
    role_id = primary.bucket("backup-primary-")["ReplicationConfiguration.Role"].strip("{}").split(".")[0]
    role = next(one for one in primary.of("AWS::IAM::Role") if one.id == role_id)
    assert role["AssumeRolePolicyDocument.Statement"][0]["Principal"] == {"Service": "s3.amazonaws.com"}
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    source, copy = (
        f"arn:aws:s3:::backup-{one}"
        for one in (f"primary-dev-{ACCOUNT}-us-east-1", f"replication-dev-{ACCOUNT}-us-west-2")
    )
    assert {sid: (statement(statements, sid)["Action"], statement(statements, sid)["Resource"]) for sid in ROLE} == {
        "ReadConfiguration": (["s3:GetReplicationConfiguration", "s3:ListBucket"], source),
        "ReadVersions": (
            [
                "s3:GetObjectLegalHold",
                "s3:GetObjectRetention",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionTagging",
            ],
            f"{source}/*",
        ),
        "WriteReplicas": (["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"], f"{copy}/*"),
        "DecryptSource": ("kms:Decrypt", f"{{{primary.one('AWS::KMS::Key').id}.Arn}}"),
        "EncryptReplica": ("kms:Encrypt", "{ReplicaKey.KeyArn}"),
    }


ROLE = ("ReadConfiguration", "ReadVersions", "WriteReplicas", "DecryptSource", "EncryptReplica")


@meets("BS-36")
@pytest.mark.parametrize(
    ("region", "start"),
    [("primary", "backup-primary-"), ("primary", "backup-audit-trail-"), ("replica", "backup-replication-")],
)
def test_stored_versions_are_locked(stacks: Stacks, region: str, start: str) -> None:
    bucket = getattr(stacks, region).bucket(start)
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["ObjectLockConfiguration.Rule.DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 60}


@meets("BS-36")
def test_compliance_lock_is_set_when_asked_for(synthesis: Synthesis) -> None:
    template = synthesis(vault={"lock": {"mode": "compliance", "days": 90}}).primary
    found = template.bucket("backup-primary-")["ObjectLockConfiguration.Rule.DefaultRetention"]
    assert found == {"Mode": "COMPLIANCE", "Days": 90}


@meets("BS-36")
def test_objects_of_the_repository_cannot_be_replaced(primary: Template) -> None:
    denied = statement(primary.bucket_policy("backup-primary-"), "DenyReplacingObjects")
    assert (denied["Effect"], denied["Action"], denied["Principal"]) == ("Deny", "s3:PutObject", {"AWS": "*"})
    assert denied["Resource"] == f"{{{primary.bucket('backup-primary-').id}.Arn}}/backups/*"
    assert denied["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_named_source_bucket_is_not_built(synthesis: Synthesis) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    vault = {"source_bucket": "our-reports", "source_prefix": "clients/", "source_key": key}
    template = synthesis(vault=vault).primary
    assert not [one for one in template.of("AWS::S3::Bucket") if "source" in one["BucketName"]]
    read = statement(template.rights("worker"), "ReadSource")
    assert read["Resource"] == "arn:aws:s3:::our-reports/clients/*"
    assert statement(template.rights("worker"), "DecryptSource")["Resource"] == key


def test_restored_files_do_not_stay(primary: Template) -> None:
    assert rules(primary.bucket("backup-restore-"))["staging"]["ExpirationInDays"] == 7
