"""REM001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_text


class RetainedNamesCollide(ResourceRule):
    """A resource that outlives its stack has no fixed name that the next deployment would want again.

    Silent where the settings demand protection on purpose (checks.destroyable false), since there a retained name is
    part of the plan.
    """

    id = "REM001"
    severity = Severity.WARNING
    resource_types = (
        "AWS::S3::Bucket",
        "AWS::DynamoDB::Table",
        "AWS::Logs::LogGroup",
        "AWS::SecretsManager::Secret",
        "AWS::Backup::BackupVault",
        "AWS::RDS::DBCluster",
    )
    remediation = (
        "Let CloudFormation make the name, delete the resource with the stack (RetainExceptOnCreate at "
        "least), or import it."
    )
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at retained resources with a name."""
        prop = _NAMES[resource.type]
        if resource.policy("DeletionPolicy") != "Retain" or resource.system.demands.destroyable is False:
            return
        name = resource.get(prop)
        if name is None:
            return
        text = as_text(name) or ""
        if isinstance(name, Undecided):
            yield self.undecided(resource, prop, name)
        elif not any(unique in text for unique in ("${AWS::StackId}", "${AWS::StackName}")):
            message = (
                f"{text} stays behind when the stack or its first creation fails, and the next attempt "
                "finds the name taken"
            )
            yield self.violated(resource, "DeletionPolicy", message)


_NAMES = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::Backup::BackupVault": "BackupVaultName",
    "AWS::RDS::DBCluster": "DBClusterIdentifier",
}
