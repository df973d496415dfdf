"""A backup vault that can be deleted with its stack because something deletes its recovery points first."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from holdfast.platforms.constructs.backup_plan import BackupPlan
from holdfast.platforms.constructs.function import allow
from holdfast.platforms.constructs.inline_function import InlineCustomResource


class EmptiedVault(InlineCustomResource):
    """A function that deletes the recovery points of a plan's vault, of Aurora and DynamoDB, when its stack is deleted.

    The plan's selection goes first, so that no new points come, and its role last: AWS Backup deletes a point with the
    role that made it, and keeps the point, EXPIRED, if that is gone.
    Source: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteRecoveryPoint.html
    """

    def __init__(self, scope: Construct, id_: str, *, plan: BackupPlan, name: str, log_key: kms.IKey) -> None:
        stack = Stack.of(scope)
        super().__init__(
            scope,
            id_,
            kind="EmptiedVault",
            module="empty_vault",
            name=name,
            description="Deletes the vault's recovery points when its stack is deleted",
            log_key=log_key,
            statements=[
                allow("ListPoints", ["backup:ListRecoveryPointsByBackupVault"], [plan.vault.attr_backup_vault_arn]),
                allow("DeletePoints", ["backup:DeleteRecoveryPoint"], recovery_points(stack)),
                _service_role(stack),
            ],
            properties={"Vault": plan.vault.ref},
        )
        self.resource.node.add_dependency(plan.role)
        plan.selection.node.add_dependency(self.resource)


def recovery_points(stack: Stack) -> list[str]:
    """Return the ARNs that recovery points of Aurora and DynamoDB can have; only a vault's list names its own.

    Source: https://docs.aws.amazon.com/aws-backup/latest/devguide/access-control.html
    """
    here = f"{stack.region}:{stack.account}"
    return [
        f"arn:{stack.partition}:{tail}"
        for tail in (
            f"rds:{here}:cluster-snapshot:awsbackup:*",
            f"dynamodb:{here}:table/*/backup/*",
            f"backup:{here}:recovery-point:*",
        )
    ]


def _service_role(stack: Stack) -> iam.PolicyStatement:
    """Return the right to make AWS Backup's own role, without which it cannot delete what has EXPIRED.

    Source: https://docs.aws.amazon.com/aws-backup/latest/devguide/deleting-backups.html
    """
    service = "backup.amazonaws.com"
    role = f"arn:{stack.partition}:iam::{stack.account}:role/aws-service-role/{service}/AWSServiceRoleForBackup"
    same = {"StringEquals": {"iam:AWSServiceName": service}}
    return allow("MakeServiceRole", ["iam:CreateServiceLinkedRole"], [role], same)
