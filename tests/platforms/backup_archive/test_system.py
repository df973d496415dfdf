from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from holdfast.platforms.backup_archive.claims import contradictions
from holdfast.settings.backup_archive import BackupArchive
from tests.platforms.backup_archive.conftest import Archive
from tests.platforms.conftest import Stacks, Synthesis
from tests.platforms.reading import Template, meets, settings_with

NAMED = ("BucketName", "TableName", "QueueName", "TopicName", "AlarmName", "DashboardName", "TrailName", "AliasName")


def table(primary: Template, name: str) -> Any:
    return primary.one("AWS::DynamoDB::Table", TableName=f"backup-archive-{name}-dev")


def queue(primary: Template, name: str) -> Any:
    return primary.one("AWS::SQS::Queue", QueueName=f"backup-archive-{name}-dev")


@meets("BK-01")
def test_environment_is_in_every_name(archive: Archive) -> None:
    built = archive(environment="pr-12")
    for template in (built.primary, built.replica):
        owned = [one for one in template.resources if not one.type.startswith("AWS::Lambda::Event")]
        found = [one.get(key) for one in owned for key in NAMED if one.get(key)]
        assert found
        assert [name for name in found if "pr-12" not in name] == []


@meets("BK-16", "BK-17")
def test_metadata_table_has_its_key_its_billing_its_encryption_and_recovery(primary: Template) -> None:
    found = table(primary, "metadata")
    assert found["KeySchema"] == [
        {"AttributeName": "backupId", "KeyType": "HASH"},
        {"AttributeName": "timestamp", "KeyType": "RANGE"},
    ]
    types = {one["AttributeName"]: one["AttributeType"] for one in found["AttributeDefinitions"]}
    assert (types["backupId"], types["timestamp"]) == ("S", "S")
    assert found["BillingMode"] == "PAY_PER_REQUEST"
    assert found["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@meets("BK-18", "BK-19", "BK-40")
def test_deduplication_table_is_keyed_by_the_hash_the_functions_are_told(primary: Template) -> None:
    found = table(primary, "deduplication")
    assert found["KeySchema"] == [{"AttributeName": "fileHash", "KeyType": "HASH"}]
    assert found["BillingMode"] == "PAY_PER_REQUEST"
    assert found["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert found["SSESpecification.SSEType"] == "KMS"
    for role in ("worker", "restore", "verify", "prune"):
        variables = primary.function(role)["Environment.Variables"]
        assert variables["HOLDFAST_DEDUPLICATION_KEY"] == "fileHash"
        assert variables["DEDUPLICATION_TABLE"] == f"{{{found.id}}}"
    assert primary.outputs["DeduplicationKeyAttribute"]["Value"] == "fileHash"


@meets("BK-20", "BK-21", "BK-22", "BK-23")
def test_jobs_wait_as_long_as_sqs_can_keep_them_and_end_as_dead_letters_after_three_receives(primary: Template) -> None:
    jobs, dead = queue(primary, "queue"), queue(primary, "dead-letters")
    assert (jobs["VisibilityTimeout"], jobs["MessageRetentionPeriod"]) == (900, 1209600)
    assert jobs["RedrivePolicy"] == {"deadLetterTargetArn": f"{{{dead.id}.Arn}}", "maxReceiveCount": 3}
    assert dead["MessageRetentionPeriod"] == 1209600
    assert jobs["KmsMasterKeyId"] == dead["KmsMasterKeyId"] == f"{{{primary.one('AWS::KMS::Key').id}.Arn}}"


@meets("BK-24", "BK-25")
def test_topic_is_encrypted_and_every_address_is_subscribed(archive: Archive) -> None:
    primary = archive(alerts=["ops@example.com", "oncall@example.com"]).primary
    topic = primary.one("AWS::SNS::Topic")
    assert topic["KmsMasterKeyId"] == f"{{{primary.one('AWS::KMS::Key').id}.Arn}}"
    subscribed = [(one["Protocol"], one["Endpoint"]) for one in primary.of("AWS::SNS::Subscription")]
    assert sorted(subscribed) == [("email", "oncall@example.com"), ("email", "ops@example.com")]


@meets("BK-26", "BK-27")
def test_dashboard_shows_storage_of_every_tier_operations_and_backups(primary: Template) -> None:
    dashboard = primary.one("AWS::CloudWatch::Dashboard")
    assert dashboard["DashboardName"] == "BackupSystemMonitoring-arch-dev"
    widgets = {
        one["properties"]["title"]: one["properties"] for one in json.loads(dashboard["DashboardBody"])["widgets"]
    }
    assert set(widgets) == {"Storage", "Operations", "Backups"}
    assert {metric[5] for metric in widgets["Storage"]["metrics"]} == {
        "StandardStorage",
        "IntelligentTieringFAStorage",
        "IntelligentTieringIAStorage",
        "IntelligentTieringAIAStorage",
    }
    assert widgets["Storage"]["period"] == 86400


@meets("BK-28")
def test_failures_dead_letters_and_silence_ring(primary: Template) -> None:
    topic = f"{{{primary.one('AWS::SNS::Topic').id}}}"
    alarms = {one["AlarmName"]: one for one in primary.of("AWS::CloudWatch::Alarm")}
    for name in ("worker-errors", "backups-failed", "dead-letters", "none-completed", "replication-failed"):
        assert alarms[f"backup-archive-{name}-dev"]["AlarmActions"] == [topic]
    assert alarms["backup-archive-none-completed-dev"]["TreatMissingData"] == "breaching"
    assert alarms["backup-archive-dead-letters-dev"]["MetricName"] == "ApproximateNumberOfMessagesVisible"


@meets("BK-29", "BK-30", "BK-31", "BK-32", "BK-33", "BK-34", "BK-35")
def test_outputs_name_what_was_built(primary: Template) -> None:
    found = {name: one["Value"] for name, one in primary.outputs.items()}
    wanted = {
        "BackupBucketName": f"{{{primary.bucket('arch-primary-').id}}}",
        "ReplicationBucketName": "arch-replication-dev-{AWS::AccountId}-us-west-2",
        "MetadataTableName": f"{{{table(primary, 'metadata').id}}}",
        "DeduplicationTableName": f"{{{table(primary, 'deduplication').id}}}",
        "BackupQueueUrl": f"{{{queue(primary, 'queue').id}}}",
        "NotificationTopicArn": f"{{{primary.one('AWS::SNS::Topic').id}}}",
        "EncryptionKeyId": f"{{{primary.one('AWS::KMS::Key').id}}}",
    }
    assert {name: found[name] for name in wanted} == wanted


@meets("BK-37")
def test_dashboard_address_names_region_and_dashboard(primary: Template) -> None:
    assert primary.outputs["DashboardURL"]["Value"] == (
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
        "#dashboards:name=BackupSystemMonitoring-arch-dev"
    )


@meets("BK-36")
def test_capabilities_say_what_is_built(primary: Template) -> None:
    assert json.loads(primary.outputs["SystemCapabilities"]["Value"]) == {
        "maxUsers": 1000,
        "retentionDays": 60,
        "deletedDataGoneAfterDays": 91,
        "rto": "2 hours",
        "rpo": "24 hours",
        "availability": "99.9%",
        "encryption": "SSE-KMS, customer-managed, one key a region",
        "replication": "us-east-1 to us-west-2",
        "deduplication": True,
        "networkIsolation": True,
        "auditLogging": True,
        "costOptimization": ["deduplication", "INTELLIGENT_TIERING"],
    }


def bucket_rules(primary: dict[str, Any]) -> Any:
    return next(
        one["Properties"]["LifecycleConfiguration"]["Rules"]
        for one in primary["Resources"].values()
        if one["Type"] == "AWS::S3::Bucket" and "arch-primary-" in json.dumps(one["Properties"]["BucketName"])
    )


def with_glacier(primary: dict[str, Any]) -> None:
    bucket_rules(primary)[0]["Transitions"].append({"StorageClass": "GLACIER", "TransitionInDays": 30})


def with_expiry(primary: dict[str, Any]) -> None:
    bucket_rules(primary)[0]["ExpirationInDays"] = 365


def without_tiering(primary: dict[str, Any]) -> None:
    del bucket_rules(primary)[0]


@meets("BK-11", "BK-36", "BK-44")
@pytest.mark.parametrize(
    ("break_it", "claims"),
    [
        (with_glacier, ["rto", "costOptimization"]),
        (with_expiry, ["retention"]),
        (without_tiering, ["costOptimization"]),
    ],
)
def test_a_claim_is_refused_when_the_template_does_not_bear_it_out(
    stacks: Stacks, break_it: Any, claims: list[str]
) -> None:
    primary, settings = copy.deepcopy(stacks.primary.raw), settings_with(platform="backup-archive")
    assert isinstance(settings, BackupArchive)
    assert contradictions(settings, primary, stacks.replica.raw) == []
    break_it(primary)
    assert [text.partition(":")[0] for text in contradictions(settings, primary, stacks.replica.raw)] == claims


@meets("BK-38")
def test_worker_takes_the_queue_and_may_write_the_primary_bucket(primary: Template) -> None:
    mapping = primary.one("AWS::Lambda::EventSourceMapping")
    assert mapping["EventSourceArn"] == f"{{{queue(primary, 'queue').id}.Arn}}"
    assert mapping["FunctionName"] == f"{{{primary.function('worker').id}}}"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert {"s3:PutObject", "sqs:ReceiveMessage"} <= primary.actions("worker")


@meets("BK-39")
def test_one_enabled_rule_starts_two_backups_a_day(primary: Template) -> None:
    rule = primary.one("AWS::Events::Rule", Name="backup-archive-daily-dev")
    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(0 2,14 * * ? *)", "ENABLED")
    assert rule["Targets"][0]["Arn"] == f"{{{primary.function('initiator').id}.Arn}}"
    assert len(primary.of("AWS::Events::Rule")) == 3


@meets("BK-42")
def test_backup_functions_run_where_no_route_leads_out(primary: Template) -> None:
    assert primary.of("AWS::EC2::InternetGateway", Tags=None) == primary.of("AWS::EC2::NatGateway") == []
    assert primary.of("AWS::EC2::Route") == []
    for role in ("initiator", "worker", "restore", "verify", "prune"):
        assert len(primary.function(role)["VpcConfig.SubnetIds"]) == 2


@meets("BK-44")
def test_restore_writes_where_files_wait(primary: Template) -> None:
    variables = primary.function("restore")["Environment.Variables"]
    assert variables["HOLDFAST_RESTORE_BUCKET"] == f"{{{primary.bucket('arch-restore-').id}}}"
    assert "s3:DeleteObject" not in primary.actions("restore")


@meets("BK-45")
def test_there_is_no_empty_stack_around_the_two(stacks: Stacks) -> None:
    names = sorted(path.name for path in stacks.folder.glob("*.template.json"))
    assert names == ["backup-archive-dev.template.json", "backup-archive-replica-dev.template.json"]
    assert all(template.resources for template in stacks[:2])


@meets("BK-46")
def test_no_name_is_that_of_a_vault_or_of_an_archive_with_another_prefix(
    archive: Archive, stacks: Stacks, synthesis: Synthesis
) -> None:
    def names(built: Stacks) -> set[str]:
        found = [
            one.get(key) for template in built[:2] for one in template.resources for key in (*NAMED, "FunctionName")
        ]
        return {name for name in found if isinstance(name, str) and not name.startswith("{")}

    own = names(stacks)
    assert own
    assert own.isdisjoint(names(synthesis()))
    assert own.isdisjoint(names(archive(archive={"prefix": "two"})))
