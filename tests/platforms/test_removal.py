from __future__ import annotations

import json

import pytest

from tests.platforms.conftest import Stacks, Synthesis
from tests.platforms.reading import Template, meets

STATEFUL = {
    "AWS::DynamoDB::Table",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
}
KEY = "arn:aws:kms:{region}:123456789012:key/11111111-2222-3333-4444-555555555555"
ADOPT = {
    "primary_key": KEY.format(region="us-east-1"),
    "replica_key": KEY.format(region="us-west-2"),
}


def stateful(template: Template) -> set[str]:
    return {one.id for one in template.resources if one.type in STATEFUL}


def policies(template: Template, kinds: set[str]) -> set[tuple[str, str]]:
    return {
        (one.raw.get("DeletionPolicy", "Delete"), one.raw.get("UpdateReplacePolicy", "Delete"))
        for one in template.resources
        if one.type in kinds
    }


def test_logical_ids_of_stateful_resources_are_a_contract(stacks: Stacks) -> None:
    """Renaming one replaces the resource, and with it the data."""
    assert stateful(stacks.primary) == {
        "AccessLogsBucketCD784A59",
        "AuditTrailBucketCC8D1451",
        "BackupQueue620E91E2",
        "DeadLettersQueue631681B1",
        "DeduplicationTable48BDE1DC",
        "LostEventsQueueA970EB2F",
        "MetadataTableC8A01DE2",
        "PrimaryBucketD7F3B2DB",
        "PrimaryKeyAlias198A8B76",
        "PrimaryKeyCA3E73BD",
        "RestoreBucketBD210236",
        "SourceBucket7A793AB3",
    }
    assert stateful(stacks.replica) == {
        "ReplicationBucket7D999F3B",
        "ReplicationKey96343F12",
        "ReplicationKeyAliasB0D92457",
    }


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_data_logs_and_keys_are_kept_in_every_environment(synthesis: Synthesis, environment: str) -> None:
    built = synthesis(environment=environment)
    kept = STATEFUL - {"AWS::SQS::Queue"}
    assert policies(built.primary, kept) | policies(built.replica, kept) == {("RetainExceptOnCreate", "Retain")}


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_everything_goes_only_when_destroy_is_written(synthesis: Synthesis, environment: str) -> None:
    built = synthesis(environment=environment, removal="destroy")
    for template in (built.primary, built.replica):
        assert policies(template, STATEFUL) == {("Delete", "Delete")}
        for table in template.of("AWS::DynamoDB::Table"):
            assert not table.get("DeletionProtectionEnabled")


@pytest.mark.parametrize(("environment", "protected"), [("dev", False), ("prod", True), ("production", True)])
def test_production_refuses_deletion(synthesis: Synthesis, environment: str, protected: bool) -> None:
    built = synthesis(environment=environment)
    tables = built.primary.of("AWS::DynamoDB::Table")
    assert [bool(table.get("DeletionProtectionEnabled")) for table in tables] == [protected] * 2
    manifest = json.loads((built.folder / "manifest.json").read_text())["artifacts"]
    stacks = [one["properties"] for one in manifest.values() if one["type"] == "aws:cloudformation:stack"]
    assert [bool(one.get("terminationProtection")) for one in stacks] == [protected] * 2


@meets("BS-95")
def test_everything_kept_has_a_name_by_which_a_new_deployment_takes_it_over(synthesis: Synthesis) -> None:
    """CloudFormation imports existing resources by literal custom names; keys have none and are adopted by ARN."""
    built = synthesis(account="123456789012", vault={"adopt": ADOPT})
    for template in (built.primary, built.replica):
        kept = [one for one in template.resources if one.raw.get("DeletionPolicy") == "RetainExceptOnCreate"]
        assert {one.type for one in kept} <= {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}
        for one in kept:
            name = one.raw["Properties"].get("BucketName") or one.raw["Properties"].get("TableName")
            assert isinstance(name, str)
            assert "dev" in name


@meets("BS-95")
def test_adopted_keys_are_used_everywhere_and_not_made_again(synthesis: Synthesis) -> None:
    built = synthesis(account="123456789012", vault={"adopt": ADOPT})
    for template, key in ((built.primary, ADOPT["primary_key"]), (built.replica, ADOPT["replica_key"])):
        assert template.of("AWS::KMS::Key") == []
        assert template.of("AWS::KMS::Alias") == []
        for bucket in template.of("AWS::S3::Bucket"):
            default = bucket["BucketEncryption.ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
            assert default.get("KMSMasterKeyID", key) == key
    assert built.replica.one("AWS::SSM::Parameter")["Value"] == ADOPT["replica_key"]
    assert built.primary.outputs["EncryptionKeyId"]["Value"] == "11111111-2222-3333-4444-555555555555"


@meets("BS-08", "BS-26")
def test_environment_is_in_every_name(synthesis: Synthesis) -> None:
    built = synthesis(environment="pr-12")
    names = ("BucketName", "TableName", "QueueName", "TopicName", "FunctionName", "AlarmName", "TrailName", "AliasName")
    for template in (built.primary, built.replica):
        for one in template.resources:
            if one.type in (
                "AWS::Lambda::EventInvokeConfig",
                "AWS::Lambda::EventSourceMapping",
                "AWS::Lambda::Permission",
            ):
                continue
            for name in [one.get(key) for key in names if one.get(key)]:
                assert "pr-12" in name, one.id
