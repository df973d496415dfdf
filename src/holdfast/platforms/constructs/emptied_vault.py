"""A backup vault that can be deleted with its stack because something deletes its recovery points first."""

from __future__ import annotations

from importlib.resources import files

from aws_cdk import CustomResource, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from holdfast.platforms.constructs.backup_plan import BackupPlan
from holdfast.platforms.constructs.function import FunctionShape, PythonFunction, allow

_SECONDS = 900


class EmptiedVault(Construct):
    """A function that deletes the recovery points of a plan's vault, of Aurora and DynamoDB, when its stack is deleted.

    The plan's selection goes first, so that no new points come, and its role last: AWS Backup deletes a point with the
    role that made it, and keeps the point, EXPIRED, if that is gone.
    Source: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteRecoveryPoint.html

    The function's code is in the template, so that a stack needs no asset for it. `log_key` has to admit the log
    group of `name` (`function.log_group_name`).
    """

    def __init__(self, scope: Construct, id_: str, *, plan: BackupPlan, name: str, log_key: kms.IKey) -> None:
        super().__init__(scope, id_)
        source = files("holdfast.platforms.inline").joinpath("empty_vault.py").read_text(encoding="utf-8")
        shape = FunctionShape(
            code=lambda_.Code.from_inline(source), architecture=lambda_.Architecture.ARM_64, key=log_key
        )
        function = PythonFunction(
            self,
            "Empty",
            shape=shape,
            name=name,
            handler="index.handler",
            description="Deletes the vault's recovery points when its stack is deleted",
            timeout_seconds=_SECONDS,
            memory_mb=256,
            environment={},
            statements=[
                allow("ListPoints", ["backup:ListRecoveryPointsByBackupVault"], [plan.vault.attr_backup_vault_arn]),
                allow("DeletePoints", ["backup:DeleteRecoveryPoint"], recovery_points(Stack.of(self))),
                _service_role(Stack.of(self)),
            ],
        )
        self.resource = CustomResource(
            self,
            "Emptied",
            resource_type="Custom::EmptiedVault",
            service_token=function.function.function_arn,
            properties={"Vault": plan.vault.ref},
        )
        # The log and the role must still be there when the deletion runs.
        self.resource.node.add_dependency(function.role, function.log_group, plan.role)
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
