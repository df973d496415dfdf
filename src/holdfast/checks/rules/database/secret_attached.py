"""RDS006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import attachment_of, secret_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_text, is_undecided


class SecretAttached(ResourceRule):
    """A secret that rotates a database's password holds the database's host: it is attached."""

    id = "RDS006"
    resource_types = ("AWS::SecretsManager::RotationSchedule",)
    remediation = "Add an AWS::SecretsManager::SecretTargetAttachment of the secret to the cluster."
    source = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for an attachment of each secret that a database uses."""
        secret = resource.system.find(resource.get("SecretId"), "AWS::SecretsManager::Secret")
        databases = resource.system.resources("AWS::RDS::DBCluster", "AWS::RDS::DBInstance")
        if secret is None or not any(secret_of(database) is secret for database in databases):
            return
        if attachment_of(secret) is None and '"host"' not in (as_text(secret.get("SecretString")) or ""):
            generated = secret.get("GenerateSecretString.SecretStringTemplate")
            if is_undecided(generated):
                yield self.undecided(resource, "SecretId", generated)
            elif '"host"' not in (as_text(generated) or ""):
                yield self.violated(
                    resource, "SecretId", f"{secret.logical_id} names no host, so rotation cannot find the database"
                )
