"""REM005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule


class DataIsProtected(ResourceRule):
    """Data, keys and secrets stay when their stack goes, where protection is demanded."""

    id = "REM005"
    demand = ("destroyable",)
    resource_types = (
        "AWS::RDS::DBCluster",
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::EFS::FileSystem",
        "AWS::KMS::Key",
        "AWS::SecretsManager::Secret",
    )
    remediation = "Set DeletionPolicy and UpdateReplacePolicy to Retain (Snapshot for databases)."
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the policy; a cluster's default is a final snapshot."""
        if resource.system.demands.destroyable is not False:
            return
        default = "Snapshot" if resource.type == "AWS::RDS::DBCluster" else "Delete"
        policy = resource.policy("DeletionPolicy") or default
        if policy.startswith("${?"):
            yield self.undecided(resource, "DeletionPolicy", "the policy is a parameter")
        elif policy == "Delete":
            yield self.violated(resource, "DeletionPolicy", "it is deleted with the stack, and protection is demanded")
