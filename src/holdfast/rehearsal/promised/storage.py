"""What a template promises of buckets, tables and backup vaults."""

from __future__ import annotations

from typing import Any

from holdfast.rehearsal import read_back_words as words
from holdfast.rehearsal.read_back_rows import Call, Deployed, Row, addressed, by_arn, by_attribute, by_id, rows, tagged


def _plan(answer: Any, _it: Deployed) -> dict[str, Any]:
    """Put AWS Backup's plan into CloudFormation's words."""
    plan = answer["BackupPlan"]
    renamed = {
        "TargetBackupVaultName": "TargetBackupVault",
        "StartWindowMinutes": "StartWindowMinutes",
        "CompletionWindowMinutes": "CompletionWindowMinutes",
    }
    rules = [{renamed.get(key, key): value for key, value in rule.items()} for rule in plan["Rules"]]
    return {**plan, "BackupPlanRule": rules}


BUCKET = "Bucket"
BUCKET_POLICY = Call(service="s3", operation="get_bucket_policy", parameters=lambda it: {BUCKET: it.properties[BUCKET]})
TABLE = by_id("dynamodb", "describe_table", "TableName")
VAULT = by_id("backup", "describe_backup_vault", "BackupVaultName")
SELECTION = Call(
    service="backup",
    operation="get_backup_selection",
    parameters=lambda it: {name: it.attributes[name] for name in ("BackupPlanId", "SelectionId")},
)
PLAN = Call(
    service="backup",
    operation="get_backup_plan",
    parameters=lambda it: {"BackupPlanId": it.physical_id},
    select=_plan,
)

STORAGE: dict[str, list[Row]] = {
    "AWS::Backup::BackupPlan": [
        *rows(PLAN, BackupPlan=""),
        *rows(
            by_attribute("backup", "list_tags", "ResourceArn", "BackupPlanArn"), BackupPlanTags=("Tags", *words.tags())
        ),
    ],
    "AWS::Backup::BackupSelection": [
        *rows(SELECTION, "BackupSelection"),
        *addressed(SELECTION, "BackupPlanId"),
    ],
    "AWS::Backup::BackupVault": [
        *rows(VAULT, "BackupVaultName", EncryptionKeyArn=("EncryptionKeyArn", *words.KEY)),
        *rows(VAULT, LockConfiguration=("", words.locked)),
        *rows(
            by_id("backup", "get_backup_vault_access_policy", "BackupVaultName"), AccessPolicy=("Policy", words.parsed)
        ),
        *rows(by_id("backup", "get_backup_vault_notifications", "BackupVaultName"), Notifications=""),
        *rows(
            Call(
                service="backup",
                operation="list_tags",
                parameters=lambda it: {
                    "ResourceArn": f"arn:aws:backup:{it.region}:{it.account}:backup-vault:{it.physical_id}"
                },
            ),
            BackupVaultTags=("Tags", *words.tags()),
        ),
    ],
    "AWS::DynamoDB::Table": [
        *rows(
            TABLE,
            TableName="Table.TableName",
            KeySchema="Table.KeySchema",
            AttributeDefinitions="Table.AttributeDefinitions",
            BillingMode="Table.BillingModeSummary.BillingMode",
            DeletionProtectionEnabled="Table.DeletionProtectionEnabled",
            GlobalSecondaryIndexes=("Table.GlobalSecondaryIndexes", words.indexes),
            SSESpecification=("Table.SSEDescription", words.table_encryption),
            StreamSpecification="Table.StreamSpecification",
        ),
        *rows(
            by_id("dynamodb", "describe_continuous_backups", "TableName"),
            PointInTimeRecoverySpecification=(
                "ContinuousBackupsDescription.PointInTimeRecoveryDescription",
                words.recovery,
            ),
        ),
        *rows(
            by_id("dynamodb", "describe_time_to_live", "TableName"),
            TimeToLiveSpecification=("TimeToLiveDescription", words.expiry),
        ),
        *tagged(by_arn("dynamodb", "list_tags_of_resource", "ResourceArn")),
        *rows(
            by_id("dynamodb", "describe_contributor_insights", "TableName"),
            ContributorInsightsSpecification=(
                "ContributorInsightsStatus",
                lambda status: {"Enabled": status in ("ENABLED", "ENABLING")},
            ),
        ),
    ],
    "AWS::S3::Bucket": [
        *rows(
            by_id("s3", "get_bucket_encryption", BUCKET),
            BucketEncryption=("ServerSideEncryptionConfiguration.Rules", words.wanted_encryption, words.encryption),
        ),
        *rows(
            by_id("s3", "get_bucket_versioning", BUCKET),
            VersioningConfiguration=("", lambda it: {"Status": it["Status"]}),
        ),
        *rows(
            by_id("s3", "get_bucket_lifecycle_configuration", BUCKET),
            LifecycleConfiguration=("Rules", words.wanted_lifecycle, words.lifecycle),
        ),
        *rows(
            by_id("s3", "get_bucket_replication", BUCKET),
            ReplicationConfiguration=("ReplicationConfiguration", words.replication),
        ),
        *rows(by_id("s3", "get_bucket_logging", BUCKET), LoggingConfiguration=("LoggingEnabled", words.logging)),
        *rows(
            by_id("s3", "get_object_lock_configuration", BUCKET),
            "ObjectLockConfiguration",
            ObjectLockEnabled=("ObjectLockConfiguration.ObjectLockEnabled", lambda it: it == "Enabled"),
        ),
        *rows(by_id("s3", "get_bucket_ownership_controls", BUCKET), "OwnershipControls"),
        *rows(by_id("s3", "get_public_access_block", BUCKET), "PublicAccessBlockConfiguration"),
        *rows(
            by_id("s3", "get_bucket_accelerate_configuration", BUCKET),
            AccelerateConfiguration=("Status", lambda status: {"AccelerationStatus": status}),
        ),
        *addressed(by_id("s3", "head_bucket", BUCKET), "BucketName"),
        *tagged(by_id("s3", "get_bucket_tagging", BUCKET), "TagSet"),
    ],
    "AWS::S3::BucketPolicy": rows(BUCKET_POLICY, PolicyDocument=("Policy", words.parsed))
    + addressed(BUCKET_POLICY, "Bucket"),
}
