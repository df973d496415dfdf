"""REM003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule


class ReplacementKeepsData(ResourceRule):
    """What a deletion keeps, a replacement keeps too.

    DeletionPolicy does not cover an update that replaces the resource.
    """

    id = "REM003"
    resource_types = (
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::EFS::FileSystem",
        "AWS::KMS::Key",
    )
    remediation = "Set UpdateReplacePolicy to the same as DeletionPolicy."
    source = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatereplacepolicy.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the two policies."""
        deletion, replacement = (
            resource.policy("DeletionPolicy") or "",
            resource.policy("UpdateReplacePolicy") or "Delete",
        )
        if deletion.startswith("${?") or replacement.startswith("${?"):
            yield self.undecided(resource, "UpdateReplacePolicy", "a policy is a parameter")
        elif deletion.startswith(("Retain", "Snapshot")) and replacement == "Delete":
            message = f"a deletion would {deletion.lower()} it, an update that replaces it deletes the data"
            yield self.violated(resource, "UpdateReplacePolicy", message)
