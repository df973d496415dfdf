"""BAK008."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import allowed, grants_of, managed_policies, role_of, statements
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list, is_undecided


class RoleMayBackUp(ResourceRule):
    """The role of a backup selection may take backups."""

    id = "BAK008"
    resource_types = ("AWS::Backup::BackupSelection",)
    remediation = (
        "Attach AWSBackupServiceRolePolicyForBackup (and ...ForRestores) to the role, and let "
        "backup.amazonaws.com assume it."
    )
    source = "https://docs.aws.amazon.com/aws-backup/latest/devguide/iam-service-roles.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the role's managed policies and its trust."""
        role = role_of(resource.system, resource.get("BackupSelection.IamRoleArn"))
        if role is None:
            return
        trusted = allowed(statements(role.get("AssumeRolePolicyDocument")), "backup.amazonaws.com", ("sts:AssumeRole",))
        message = f"AWS Backup may not assume {role.logical_id}: every job fails"
        yield from self.judged(resource, "BackupSelection.IamRoleArn", trusted, message)
        arns = as_list(role.get("ManagedPolicyArns"))
        named = [name.rsplit("/", 1)[-1] for name in managed_policies(role)]
        own = any(True for _, statement in grants_of(role) if statement.allows)
        if own or any("Backup" in name or name == "AdministratorAccess" for name in named):
            return
        unknown = next((Undecided(str(arn)) for arn in arns if is_undecided(arn)), False)
        message = f"{role.logical_id} has no policy for backups: every job is denied"
        yield from self.judged(resource, "BackupSelection.IamRoleArn", unknown, message)
