from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from holdfast.platforms.backup_vault.claims import contradictions
from holdfast.settings.backup_vault import BackupVault
from holdfast.settings.load import defaults
from tests.platforms.conftest import Stacks, Synthesis
from tests.platforms.reading import Template, meets, settings_with

TAGS = {
    "System": "BackupSystem",
    "Environment": "dev",
    "CostCenter": "DataProtection",
    "Project": "ClientReportsBackup",
    "Owner": "BackupTeam",
    "Compliance": "SOC2-Type2",
    "DataClassification": "Confidential",
    "BackupRetention": "60days",
    "DisasterRecovery": "CrossRegion",
    "Encryption": "CustomerManaged",
    "NetworkIsolation": "VPCEndpoints",
    "MaxUsers": "1000",
    "RTO": "2hours",
    "RPO": "24hours",
}
TAGGABLE = {
    "AWS::CloudTrail::Trail",
    "AWS::CloudWatch::Alarm",
    "AWS::DynamoDB::Table",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
}
UNTAGGABLE = {
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::KMS::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "Custom::BackupRepository",
    "Custom::ReplicaKey",
}


@meets(*(f"BS-{number}" for number in range(72, 86)))
@pytest.mark.parametrize("region", ["primary", "replica"])
def test_every_taggable_resource_carries_every_tag(stacks: Stacks, region: str) -> None:
    template: Template = getattr(stacks, region)
    assert {one.type for one in template.resources} <= TAGGABLE | UNTAGGABLE
    for one in template.resources:
        if one.type == "AWS::SSM::Parameter":
            assert one["Tags"].items() >= TAGS.items()
        elif one.type in TAGGABLE:
            assert one.tags.items() >= TAGS.items(), one.id


@meets("BS-73", "BS-79", "BS-83", "BS-84", "BS-85")
def test_tags_say_what_the_settings_promise(synthesis: Synthesis) -> None:
    promises = {"rpo": "36h", "rto": "4h", "retention": "90d", "availability": "99.9%", "users": 500}
    template = synthesis(environment="qa", promises=promises, tags={"Owner": "Platform"}).primary
    tags = template.bucket("backup-primary-").tags
    assert {key: tags[key] for key in ("Environment", "RPO", "RTO", "BackupRetention", "MaxUsers", "Owner")} == {
        "Environment": "qa",
        "RPO": "36hours",
        "RTO": "4hours",
        "BackupRetention": "90days",
        "MaxUsers": "500",
        "Owner": "Platform",
    }
    assert template.function("prune")["Environment.Variables.HOLDFAST_RETENTION_DAYS"] == "90"


@meets("BS-77", "BS-82")
def test_claims_that_the_settings_switch_off_are_not_made(synthesis: Synthesis) -> None:
    template = synthesis(vault={"private_network": False, "lock": {"mode": "off"}}).primary
    tags = template.bucket("backup-primary-").tags
    assert "Compliance" not in tags
    assert tags["NetworkIsolation"] == "None"
    assert json.loads(template.outputs["SystemCapabilities"]["Value"])["networkIsolation"] is False


@meets("BS-01")
def test_retention_of_the_settings_is_what_prune_keeps(primary: Template) -> None:
    assert primary.function("prune")["Environment.Variables.HOLDFAST_RETENTION_DAYS"] == "60"


@meets("BS-86", "BS-87", "BS-88", "BS-89", "BS-90", "BS-91", "BS-92")
def test_outputs_are_exported_under_the_stacks_name(primary: Template) -> None:
    exported = {name: (one["Export"]["Name"], one["Value"]) for name, one in primary.outputs.items() if "Export" in one}
    values = {
        "BackupBucket": ("BackupBucketName", f"{{{primary.bucket('backup-primary-').id}}}"),
        "ReplicationBucket": ("ReplicationBucketName", "backup-replication-dev-{AWS::AccountId}-us-west-2"),
        "EncryptionKey": ("EncryptionKeyId", f"{{{primary.one('AWS::KMS::Key').id}}}"),
        "MetadataTable": (
            "MetadataTableName",
            f"{{{primary.one('AWS::DynamoDB::Table', TableName='backup-metadata-dev').id}}}",
        ),
        "DeduplicationTable": (
            "DeduplicationTableName",
            f"{{{primary.one('AWS::DynamoDB::Table', TableName='backup-deduplication-dev').id}}}",
        ),
        "NotificationTopic": ("NotificationTopicArn", f"{{{primary.one('AWS::SNS::Topic').id}}}"),
        "BackupQueue": ("BackupQueueUrl", f"{{{primary.one('AWS::SQS::Queue', QueueName='backup-queue-dev').id}}}"),
    }
    assert exported == {name: (f"backup-vault-dev-{export}", value) for export, (name, value) in values.items()}


@meets("BS-93")
def test_dashboard_has_an_address_and_no_export(primary: Template) -> None:
    output = primary.outputs["DashboardURL"]
    assert output["Value"].endswith("#dashboards:name=BackupSystemMonitoring-dev")
    assert "Export" not in output


@meets("BS-94")
def test_capabilities_name_every_figure(primary: Template) -> None:
    found = json.loads(primary.outputs["SystemCapabilities"]["Value"])
    assert found == {
        "maxUsers": 1000,
        "retentionDays": 60,
        "deletedDataGoneAfterDays": 121,
        "rto": "2hours",
        "rpo": "24hours",
        "availability": "99.9%",
        "encryption": "SSE-KMS, customer-managed, one key a region",
        "replication": "us-east-1 to us-west-2",
        "deduplication": True,
        "networkIsolation": True,
        "auditLogging": True,
        "costOptimization": ["deduplication", "STANDARD_IA"],
    }


def vault_defaults() -> BackupVault:
    found = defaults("backup-vault")
    assert isinstance(found, BackupVault)
    return found


def resource_where(template: dict[str, Any], kind: str, text: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one["Properties"]
        for one in template["Resources"].values()
        if one["Type"] == kind and text in json.dumps(one["Properties"])
    )
    return found


def without_replication(primary: dict[str, Any]) -> None:
    del resource_where(primary, "AWS::S3::Bucket", "backup-primary-")["ReplicationConfiguration"]


def with_expiry(primary: dict[str, Any]) -> None:
    bucket = resource_where(primary, "AWS::S3::Bucket", "backup-primary-")
    bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] = 60


def with_glacier(primary: dict[str, Any]) -> None:
    bucket = resource_where(primary, "AWS::S3::Bucket", "backup-primary-")
    move = {"StorageClass": "GLACIER", "TransitionInDays": 45}
    bucket["LifecycleConfiguration"]["Rules"][1]["Transitions"].append(move)


def with_aws_key(primary: dict[str, Any]) -> None:
    resource_where(primary, "AWS::DynamoDB::Table", "contentHash")["SSESpecification"] = {"SSEEnabled": True}


def with_silent_trail(primary: dict[str, Any]) -> None:
    resource_where(primary, "AWS::CloudTrail::Trail", "TrailName")["IsLogging"] = False


def with_internet(primary: dict[str, Any]) -> None:
    primary["Resources"]["Gateway"] = {"Type": "AWS::EC2::InternetGateway", "Properties": {"Tags": []}}


def without_deduplication(primary: dict[str, Any]) -> None:
    worker = resource_where(primary, "AWS::Lambda::Function", "vault.back_up")
    del worker["Environment"]["Variables"]["DEDUPLICATION_TABLE"]


def with_shorter_retention(primary: dict[str, Any]) -> None:
    resource_where(primary, "AWS::Lambda::Function", "vault.prune")["Environment"]["Variables"][
        "HOLDFAST_RETENTION_DAYS"
    ] = "30"


@meets("BS-94", "BS-77", "BS-80", "BS-84")
@pytest.mark.parametrize(
    ("break_it", "claim"),
    [
        (without_replication, "replication"),
        (with_expiry, "retention"),
        (with_glacier, "rto"),
        (with_aws_key, "encryption"),
        (with_silent_trail, "auditLogging"),
        (with_internet, "networkIsolation"),
        (without_deduplication, "deduplication"),
        (with_shorter_retention, "retentionDays"),
    ],
)
def test_a_claim_is_refused_when_the_template_does_not_bear_it_out(stacks: Stacks, break_it: Any, claim: str) -> None:
    primary, settings = copy.deepcopy(stacks.primary.raw), vault_defaults()
    assert contradictions(settings, primary, stacks.replica.raw) == []
    break_it(primary)
    assert [text.partition(":")[0] for text in contradictions(settings, primary, stacks.replica.raw)] == [claim]


def test_settings_with_is_the_default_when_nothing_changes() -> None:
    assert settings_with() == vault_defaults()
