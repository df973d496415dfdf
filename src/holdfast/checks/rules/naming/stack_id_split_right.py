"""NAM001."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule


class StackIdSplitRight(ResourceRule):
    """A name made from the stack's id holds no character that names may not hold.

    A stack id is arn:aws:cloudformation:region:account:stack/name/uuid. Cut at '-', its first pieces hold colons and
    slashes.
    """

    id = "NAM001"
    resource_types = (
        "AWS::DynamoDB::Table",
        "AWS::SQS::Queue",
        "AWS::SNS::Topic",
        "AWS::S3::Bucket",
        "AWS::Lambda::Function",
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
        "AWS::RDS::DBCluster",
        "AWS::Backup::BackupVault",
        "AWS::KMS::Alias",
    )
    remediation = "Cut the id at '/' and take piece 2, or let CloudFormation make the name."
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for Fn::Select of Fn::Split of the stack's id anywhere in the name."""
        for name in _NAMES:
            for index, delimiter in _cuts(resource.raw(name)):
                if isinstance(index, int | str) and str(index).isdigit():
                    if delimiter == "-" and int(index) < 3:
                        message = (
                            f"piece {index} of the stack's id cut at '-' is like "
                            "1:123456789012:stack/...: illegal in a name"
                        )
                        yield self.violated(resource, name, message)
                else:
                    yield self.undecided(resource, name, "the index is known at deployment")


_NAMES = (
    "TableName",
    "QueueName",
    "TopicName",
    "BucketName",
    "FunctionName",
    "RoleName",
    "LogGroupName",
    "DBClusterIdentifier",
    "BackupVaultName",
    "AliasName",
)


def _cuts(raw: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (index, delimiter) of each selection from the split id of the stack, at any depth."""
    if isinstance(raw, dict):
        match raw.get("Fn::Select"):
            case [index, {"Fn::Split": [delimiter, {"Ref": "AWS::StackId"}]}]:
                yield index, delimiter
        for item in raw.values():
            yield from _cuts(item)
    elif isinstance(raw, list):
        for item in raw:
            yield from _cuts(item)
