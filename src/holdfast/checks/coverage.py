"""Reads backup plans: which resources a selection covers, by ARN or by tag."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from holdfast.checks.graph.resource import Resource
from holdfast.checks.identity import canonical
from holdfast.checks.values import as_list, as_text, references

STATEFUL = (
    "AWS::DynamoDB::Table",
    "AWS::DynamoDB::GlobalTable",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::EFS::FileSystem",
    "AWS::S3::Bucket",
    "AWS::EC2::Volume",
    "AWS::EC2::Instance",
)
# What stands in the ARN pattern of a whole kind of resource.
_SERVICE = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:region:account:table/name",
    "AWS::RDS::DBCluster": "arn:aws:rds:region:account:cluster:name",
    "AWS::RDS::DBInstance": "arn:aws:rds:region:account:db:name",
    "AWS::EFS::FileSystem": "arn:aws:elasticfilesystem:region:account:file-system/name",
    "AWS::S3::Bucket": "arn:aws:s3:::name",
}


def stateful(resource: Resource) -> bool:
    """Tell whether AWS Backup can back a resource up."""
    return resource.type in STATEFUL


def selects(selection: Resource, resource: Resource) -> bool:
    """Tell whether a selection covers a resource, by its ARN, a pattern or a tag."""
    listed = as_list(selection.get("BackupSelection.Resources"))
    if any(_names(resource, value) for value in listed):
        return True
    return not listed and selected_by_tag(selection, resource)


def selected_by_tag(selection: Resource, resource: Resource) -> bool:
    """Tell whether a resource carries a tag that a selection asks for."""
    tags = resource.tags
    if not stateful(resource) or not isinstance(tags, Mapping):
        return False
    for condition in as_list(selection.get("BackupSelection.ListOfTags")):
        key = condition.get("ConditionKey") if isinstance(condition, dict) else None
        if isinstance(key, str) and key in tags and as_text(tags[key]) == as_text(condition.get("ConditionValue")):
            return True
    return False


def _names(resource: Resource, value: object) -> bool:
    if resource.system.find(value, resource.type) is resource:
        return True
    if any(reference == resource.reference for reference in references(value)):
        return True
    pattern = canonical(as_text(value) or "")
    return pattern == "*" or ("*" in pattern and fnmatchcase(_SERVICE.get(resource.type, ""), pattern))
