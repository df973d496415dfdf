"""AWS Backup tells a topic what went wrong."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_backup as backup
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from holdfast.platforms.constructs.key import use_by_service

# A backup that ends partially or not at all, and a copy that does not arrive.
# Source: https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-notifications.html
_EVENTS = ("BACKUP_JOB_FAILED", "BACKUP_JOB_EXPIRED", "COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED")


def backup_may_use(scope: Construct) -> iam.PolicyStatement:
    """Let AWS Backup publish to a topic encrypted with the key: a statement of the key's policy."""
    return use_by_service(
        "AllowBackupNotices",
        "backup.amazonaws.com",
        actions=["kms:Decrypt", "kms:GenerateDataKey*"],
        conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
    )


class BackupNotices(Construct):
    """Failed and expired backups, failed copies and ended restores of `vault` reach `topic`.

    The topic's key has to admit AWS Backup: `backup_may_use`.
    """

    def __init__(self, scope: Construct, id_: str, *, vault: backup.CfnBackupVault, topic: sns.ITopic) -> None:
        super().__init__(scope, id_)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowBackupNotices",
                principals=[iam.ServicePrincipal("backup.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        vault.notifications = backup.CfnBackupVault.NotificationObjectTypeProperty(
            backup_vault_events=list(_EVENTS), sns_topic_arn=topic.topic_arn
        )
