"""AWS Backup: a vault, a plan that fills it every day, and what the plan selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import RemovalPolicy
from aws_cdk import aws_backup as backup
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from holdfast.errors import InvalidRequest

# What AWS Backup needs to back up and to restore what is selected.
# Source: https://docs.aws.amazon.com/aws-backup/latest/devguide/security-iam-awsmanpol.html
_POLICIES = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")
# Source: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupRule.html
_LEAST_START, _LEAST_WORK = 60, 60


@dataclass(frozen=True, kw_only=True)
class BackupNames:
    """Names of what a plan is made of."""

    vault: str
    plan: str
    rule: str
    selection: str
    role: str


@dataclass(frozen=True, kw_only=True)
class BackupShape:
    """When backups run and how long they stay.

    Args:
        schedule: an AWS cron expression, UTC.
        start_minutes: a job that has not begun by then is over (60 or more). completion_minutes: nor ended (60 or
            more above start_minutes).
        copy_to: ARN of a vault, in another region or account, that gets a copy of each recovery point.
        point_tags: tags of the recovery points, by which their cost is found.
    """

    schedule: str
    keep_days: int
    start_minutes: int = 60
    completion_minutes: int = 180
    copy_to: str | None = None
    point_tags: Mapping[str, str] = field(default_factory=dict)


class BackupPlan(Construct):
    """A vault encrypted with `key` and one rule that keeps a recovery point of each of `resources` for `keep_days`.

    The vault cannot be deleted while it holds recovery points, not even by its stack: see `EmptiedVault`.

    Raises:
        InvalidRequest: days outside 1 to 36500, windows too short, nothing selected.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        names: BackupNames,
        shape: BackupShape,
        key: kms.IKey,
        resources: Sequence[str],
        removal: RemovalPolicy,
    ) -> None:
        super().__init__(scope, id_)
        _refuse_impossible(shape, resources)
        self.vault = backup.CfnBackupVault(self, "Vault", backup_vault_name=names.vault, encryption_key_arn=key.key_arn)
        self.vault.apply_removal_policy(removal)
        self.plan = backup.CfnBackupPlan(
            self,
            "Plan",
            backup_plan=backup.CfnBackupPlan.BackupPlanResourceTypeProperty(
                backup_plan_name=names.plan, backup_plan_rule=[self._rule(names.rule, shape)]
            ),
        )
        self.role = iam.Role(
            self,
            "Role",
            role_name=names.role,
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(f"service-role/{name}") for name in _POLICIES
            ],
        )
        self.selection = backup.CfnBackupSelection(
            self,
            "Selection",
            backup_plan_id=self.plan.ref,
            backup_selection=backup.CfnBackupSelection.BackupSelectionResourceTypeProperty(
                iam_role_arn=self.role.role_arn, selection_name=names.selection, resources=list(resources)
            ),
        )

    def _rule(self, name: str, shape: BackupShape) -> backup.CfnBackupPlan.BackupRuleResourceTypeProperty:
        part = backup.CfnBackupPlan
        kept = part.LifecycleResourceTypeProperty(delete_after_days=shape.keep_days)
        copy = part.CopyActionResourceTypeProperty
        return part.BackupRuleResourceTypeProperty(
            rule_name=name,
            target_backup_vault=self.vault.ref,
            schedule_expression=shape.schedule,
            start_window_minutes=shape.start_minutes,
            completion_window_minutes=shape.completion_minutes,
            lifecycle=kept,
            recovery_point_tags=dict(shape.point_tags) or None,
            copy_actions=[copy(destination_backup_vault_arn=shape.copy_to, lifecycle=kept)] if shape.copy_to else None,
        )


def _refuse_impossible(shape: BackupShape, resources: Sequence[str]) -> None:
    if not 1 <= shape.keep_days <= 36500:
        raise InvalidRequest(f"keep_days must be 1 to 36500, got {shape.keep_days}")
    if shape.start_minutes < _LEAST_START:
        raise InvalidRequest(f"start_minutes must be {_LEAST_START} or more, got {shape.start_minutes}")
    if shape.completion_minutes < shape.start_minutes + _LEAST_WORK:
        raise InvalidRequest(
            f"completion_minutes must be {shape.start_minutes + _LEAST_WORK} or more, got {shape.completion_minutes}"
        )
    if not resources:
        raise InvalidRequest("a backup plan that selects nothing backs up nothing: name a resource")
