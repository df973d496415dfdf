"""RDS005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import rotation_of, secret_of
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_bool


class PasswordRotates(ResourceRule):
    """The master password of a database is rotated."""

    id = "RDS005"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster",)
    remediation = (
        "Let RDS manage the password (ManageMasterUserPassword), or add an AWS::SecretsManager::RotationSchedule."
    )
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for a schedule on the secret, or on its attachment."""
        managed = as_bool(resource.get("ManageMasterUserPassword"))
        if managed is True or resource.get("MasterUserPassword") is None:
            return
        secret = secret_of(resource)
        if secret is None:
            yield self.undecided(resource, "MasterUserPassword", "its secret is not in the templates")
        elif rotation_of(secret) is None:
            yield self.violated(secret, "", f"the password of {resource.logical_id} is never changed")
