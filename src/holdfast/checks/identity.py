"""Knows under which names, ARNs and URLs other templates and policies can mean a resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from holdfast.checks.values import Value, as_text

_Item = TypeVar("_Item")

# Type: (property that holds the name, the ARN with {name}, {region}); the account stands as ${AWS::AccountId}.
# Source: https://docs.aws.amazon.com/service-authorization/latest/reference/ (resource types of each service)
_ARNS: dict[str, tuple[str, str]] = {
    "AWS::S3::Bucket": ("BucketName", "arn:aws:s3:::{name}"),
    "AWS::SNS::Topic": ("TopicName", "arn:aws:sns:{region}:${AWS::AccountId}:{name}"),
    "AWS::SQS::Queue": ("QueueName", "arn:aws:sqs:{region}:${AWS::AccountId}:{name}"),
    "AWS::DynamoDB::Table": ("TableName", "arn:aws:dynamodb:{region}:${AWS::AccountId}:table/{name}"),
    "AWS::DynamoDB::GlobalTable": ("TableName", "arn:aws:dynamodb:{region}:${AWS::AccountId}:table/{name}"),
    "AWS::Lambda::Function": ("FunctionName", "arn:aws:lambda:{region}:${AWS::AccountId}:function:{name}"),
    "AWS::IAM::Role": ("RoleName", "arn:aws:iam::${AWS::AccountId}:role/{name}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "arn:aws:logs:{region}:${AWS::AccountId}:log-group:{name}"),
    "AWS::RDS::DBCluster": ("DBClusterIdentifier", "arn:aws:rds:{region}:${AWS::AccountId}:cluster:{name}"),
    "AWS::RDS::DBInstance": ("DBInstanceIdentifier", "arn:aws:rds:{region}:${AWS::AccountId}:db:{name}"),
    "AWS::Backup::BackupVault": ("BackupVaultName", "arn:aws:backup:{region}:${AWS::AccountId}:backup-vault:{name}"),
    "AWS::SecretsManager::Secret": ("Name", "arn:aws:secretsmanager:{region}:${AWS::AccountId}:secret:{name}"),
    "AWS::SSM::Parameter": ("Name", "arn:aws:ssm:{region}:${AWS::AccountId}:parameter/{name}"),
    "AWS::CloudTrail::Trail": ("TrailName", "arn:aws:cloudtrail:{region}:${AWS::AccountId}:trail/{name}"),
    "AWS::Events::Rule": ("Name", "arn:aws:events:{region}:${AWS::AccountId}:rule/{name}"),
    "AWS::ECS::Cluster": ("ClusterName", "arn:aws:ecs:{region}:${AWS::AccountId}:cluster/{name}"),
    "AWS::KMS::Alias": ("AliasName", "arn:aws:kms:{region}:${AWS::AccountId}:{name}"),
    "AWS::CloudWatch::Alarm": ("AlarmName", "arn:aws:cloudwatch:{region}:${AWS::AccountId}:alarm:{name}"),
    "AWS::RDS::DBParameterGroup": ("DBParameterGroupName", ""),
    "AWS::RDS::DBClusterParameterGroup": ("DBClusterParameterGroupName", ""),
    "AWS::RDS::DBSubnetGroup": ("DBSubnetGroupName", ""),
}


def aliases(kind: str, get: Callable[[str], Value], region: str | None) -> Iterator[str]:
    """Yield the texts that mean a resource of type `kind`; none when CloudFormation makes up its name."""
    entry = _ARNS.get(kind)
    if entry is None:
        return
    name = as_text(get(entry[0]))
    if not name:
        return
    yield canonical(name)
    here = region or "${AWS::Region}"
    if entry[1]:
        yield canonical(entry[1].replace("{name}", name.removeprefix("/")).replace("{region}", here))
    if kind == "AWS::SQS::Queue":
        yield canonical(f"https://sqs.{here}.amazonaws.com/${{AWS::AccountId}}/{name}")


def canonical(text: str) -> str:
    """Write partition and domain as commercial AWS does, so that both spellings of an ARN compare equal."""
    return text.replace("${AWS::Partition}", "aws").replace("${AWS::URLSuffix}", "amazonaws.com")


class NameIndex(Generic[_Item]):
    """Names to what bears them; a name borne twice is kept for both, and asked for by type."""

    def __init__(self) -> None:
        self._items: dict[str, list[tuple[str, _Item]]] = {}
        self._names: dict[int, list[str]] = {}

    def add(self, name: str, item: _Item, kind: str) -> None:
        """Record that `item`, of type `kind`, is called `name`."""
        self._items.setdefault(name, []).append((kind, item))
        self._names.setdefault(id(item), []).append(name)

    def names_of(self, item: _Item) -> list[str]:
        """Return every text that means `item`."""
        return self._names.get(id(item), [])

    def find(self, text: str, kinds: tuple[str, ...]) -> _Item | None:
        """Return what `text` means: exactly, or an ARN with `/*`, `:*` or a path after it."""
        name = canonical(text)
        for candidate in _shortened(name):
            for kind, item in self._items.get(candidate, ()):
                if not kinds or kind in kinds:
                    return item
        return None


def _shortened(name: str) -> Iterator[str]:
    yield name
    if not name.startswith("arn:"):
        return
    for ending in ("/*", ":*", "*"):
        if name.endswith(ending):
            yield name.removesuffix(ending)
    if ":s3:::" in name and "/" in name:
        yield name.split("/", 1)[0]
    if "/index/" in name:
        yield name.split("/index/", 1)[0]


def describe(value: Any) -> str:
    """Return `value` as a message shows it: short, one line."""
    text = as_text(value)
    if text is None:
        text = str(value)
    text = " ".join(text.split())
    return text if len(text) <= 120 else f"{text[:117]}..."
