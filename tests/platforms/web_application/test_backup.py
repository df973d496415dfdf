from __future__ import annotations

import json
from typing import Any

from tests.platforms.reading import Resource, meets, statement
from tests.platforms.web_application.stacks import imports, stack


def rule(**changes: Any) -> dict[str, Any]:
    plan = stack("backup", **changes).one("AWS::Backup::BackupPlan")
    (found,) = plan["BackupPlan.BackupPlanRule"]
    return dict(found)


def selected() -> list[Any]:
    selection: Resource = stack("backup").one("AWS::Backup::BackupSelection")
    return list(selection["BackupSelection.Resources"])


@meets("HA-42")
def test_vault_is_encrypted_with_the_customers_key() -> None:
    vault = stack("backup").one("AWS::Backup::BackupVault")
    assert vault["BackupVaultName"] == "backup-vault-dev"
    assert imports(vault["EncryptionKeyArn"]).startswith("web-application-keys-dev:")


@meets("HA-43")
def test_plan_makes_a_recovery_point_a_day_and_keeps_it_seven() -> None:
    found = rule()
    assert found["ScheduleExpression"] == "cron(0 6 * * ? *)"
    assert found["Lifecycle"] == {"DeleteAfterDays": 7}
    assert (found["StartWindowMinutes"], found["CompletionWindowMinutes"]) == (60, 180)
    vault = stack("backup").one("AWS::Backup::BackupVault").id
    assert found["TargetBackupVault"] == f"{{{vault}}}"


def test_copy_goes_to_the_vault_of_the_settings() -> None:
    other = "arn:aws:backup:us-west-2:123456789012:backup-vault:copies"
    (copy,) = rule(backup={"copy_to": other})["CopyActions"]
    assert copy == {"DestinationBackupVaultArn": other, "Lifecycle": {"DeleteAfterDays": 7}}
    assert "CopyActions" not in rule()


@meets("HA-44")
def test_selection_covers_the_cluster() -> None:
    assert "rds:us-east-1:{AWS::AccountId}:cluster:" in json.dumps(selected())
    assert "web-application-database-dev:ExportsOutputRefDatabaseCluster" in json.dumps(stack("backup").raw)


@meets("HA-45")
def test_selection_covers_the_table() -> None:
    found = [one for one in selected() if isinstance(one, dict)]
    assert any("SessionsTable" in imports(one) for one in found)


@meets("HA-46")
def test_backups_are_tagged_for_cost() -> None:
    template = stack("backup", tags={"CostCenter": "Shop"})
    for tags in (
        template.one("AWS::Backup::BackupVault")["BackupVaultTags"],
        template.one("AWS::Backup::BackupPlan")["BackupPlan.BackupPlanRule"][0]["RecoveryPointTags"],
        template.one("AWS::Backup::BackupPlan")["BackupPlanTags"],
    ):
        assert tags["CostCenter"] == "Shop"
        assert {"Environment", "Project"} <= set(tags)


def test_topic_hears_of_failed_backups_copies_and_of_restores() -> None:
    notices = stack("backup").one("AWS::Backup::BackupVault")["Notifications"]
    assert set(notices["BackupVaultEvents"]) >= {"BACKUP_JOB_FAILED", "COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED"}
    assert imports(notices["SNSTopicArn"]).startswith("web-application-monitoring-dev:")
    policy = stack("monitoring").one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert statement(policy, "AllowBackupNotices")["Principal"] == {"Service": "backup.amazonaws.com"}


def test_role_may_back_up_and_restore() -> None:
    policies = json.dumps(stack("backup").one("AWS::IAM::Role", RoleName="backup-role-dev")["ManagedPolicyArns"])
    assert "AWSBackupServiceRolePolicyForBackup" in policies
    assert "AWSBackupServiceRolePolicyForRestores" in policies
