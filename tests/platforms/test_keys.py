from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.conftest import Stacks, Synthesis
from tests.platforms.reading import Resource, Template, meets, statement

ACCOUNT = "{AWS::AccountId}"


def only_key(template: Template) -> Resource:
    return template.one("AWS::KMS::Key")


def policy(template: Template) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = only_key(template)["KeyPolicy.Statement"]
    return statements


@meets("BS-15", "BS-16")
@pytest.mark.parametrize(("region", "kind"), [("primary", "primary"), ("replica", "replication")])
def test_each_region_has_a_rotating_retained_key_with_its_alias(stacks: Stacks, region: str, kind: str) -> None:
    template: Template = getattr(stacks, region)
    key, alias = only_key(template), template.one("AWS::KMS::Alias")

    assert key["EnableKeyRotation"] is True
    assert key["PendingWindowInDays"] == 7
    assert alias["AliasName"] == f"alias/backup-encryption-key-{kind}-dev"
    assert alias["TargetKeyId"] == f"{{{key.id}.Arn}}"
    for resource in (key, alias):
        assert resource.raw["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resource.raw["UpdateReplacePolicy"] == "Retain"


@meets("BS-17")
@pytest.mark.parametrize("region", ["primary", "replica"])
def test_key_policy_gives_the_account_root_everything(stacks: Stacks, region: str) -> None:
    root = statement(policy(getattr(stacks, region)), "EnableRootAccess")
    assert root == {
        "Sid": "EnableRootAccess",
        "Effect": "Allow",
        "Action": "kms:*",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Resource": "*",
    }


@meets("BS-18")
@pytest.mark.parametrize("region", ["primary", "replica"])
def test_key_policy_lets_alarms_of_this_account_use_the_topics_key(stacks: Stacks, region: str) -> None:
    template: Template = getattr(stacks, region)
    alarms = statement(policy(template), "AllowCloudWatchAlarms")
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert template.one("AWS::SNS::Topic")["KmsMasterKeyId"] == f"{{{only_key(template).id}.Arn}}"


@meets("BS-19")
def test_key_policy_lets_one_trail_encrypt_and_describe(primary: Template) -> None:
    trail = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/backup-audit-trail-dev"
    encrypt, describe = (statement(policy(primary), f"AllowCloudTrail{verb}") for verb in ("Encrypt", "Describe"))
    assert encrypt["Action"] == "kms:GenerateDataKey*"
    assert describe["Action"] == "kms:DescribeKey"
    for one in (encrypt, describe):
        assert one["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert one["Condition"]["StringEquals"] == {"aws:SourceArn": trail}
    assert primary.one("AWS::CloudTrail::Trail")["TrailName"] == "backup-audit-trail-dev"


def test_key_policy_lets_every_rule_use_the_queue_of_lost_events(primary: Template) -> None:
    allowed = statement(policy(primary), "AllowEventBridgeDeadLetters")["Condition"]["ArnEquals"]["aws:SourceArn"]
    rules = {f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{rule['Name']}" for rule in primary.of("AWS::Events::Rule")}
    assert set(allowed) == rules


def test_key_policy_lets_logs_encrypt_every_log_group_of_the_stack(primary: Template) -> None:
    condition = statement(policy(primary), "AllowLogs")["Condition"]["ArnEquals"]
    groups = {
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group['LogGroupName']}"
        for group in primary.of("AWS::Logs::LogGroup")
    }
    assert set(condition["kms:EncryptionContext:aws:logs:arn"]) == groups


@meets("BS-07")
@pytest.mark.parametrize(
    ("region", "place", "start"),
    [("primary", "us-east-1", "backup-primary-"), ("replica", "us-west-2", "backup-replication-")],
)
def test_trusted_account_uses_both_keys_through_s3_and_reads_both_buckets(
    synthesis: Synthesis, region: str, place: str, start: str
) -> None:
    template: Template = getattr(synthesis(vault={"trusted_accounts": ["210987654321"]}), region)
    allowed = statement(policy(template), "AllowTrustedAccount210987654321")
    assert allowed["Principal"] == {"AWS": "arn:aws:iam::210987654321:root"}
    assert set(allowed["Action"]) == {"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:ReEncrypt*"}
    assert allowed["Condition"] == {"StringEquals": {"kms:ViaService": f"s3.{place}.amazonaws.com"}}

    read = statement(template.bucket_policy(start), "AllowTrustedAccountsRead")
    assert read["Principal"] == {"AWS": "arn:aws:iam::210987654321:root"}
    assert read["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]


@meets("BS-07")
def test_nobody_is_trusted_by_default(stacks: Stacks) -> None:
    for template, start in ((stacks.primary, "backup-primary-"), (stacks.replica, "backup-replication-")):
        sids = [one.get("Sid", "") for one in [*policy(template), *template.bucket_policy(start)]]
        assert not [sid for sid in sids if sid.startswith("AllowTrusted")]
