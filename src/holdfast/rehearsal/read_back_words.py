"""Puts the answers of service APIs into CloudFormation's words, so that the two can be compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def parsed(value: Any) -> Any:
    """Return what a JSON text says; anything else as it is."""
    return json.loads(value) if isinstance(value, str) else value


def tags(key: str = "Key", value: str = "Value") -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Compare tags as one mapping, whatever shape each side has."""

    def want(tags: Any) -> dict[str, str]:
        return dict(tags) if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}

    def got(tags: Any) -> dict[str, str]:
        return dict(tags) if isinstance(tags, dict) else {tag[key]: tag[value] for tag in tags}

    return want, got


def each(field: str) -> Callable[[Any], Any]:
    """Return a function that takes one field of every item."""
    return lambda listed: [one[field] for one in listed]


def locked(answer: dict[str, Any]) -> dict[str, Any]:
    """Return of a backup vault's answer what its lock says."""
    return {field: answer[field] for field in ("MinRetentionDays", "MaxRetentionDays") if field in answer}


def last(arn: str) -> str:
    """Return what an ARN names, without its path."""
    return arn.rpartition("/")[2]


def lowered(value: Any) -> Any:
    """Return the same with every key beginning small, as ECS and Logs tell it."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: lowered(one) for key, one in value.items()}
    return [lowered(one) for one in value] if isinstance(value, list) else value


def key_id(arn: str) -> str:
    """Return the id of a KMS key, given it or its ARN."""
    return arn.rpartition("/")[2]


KEY = (key_id, key_id)
"""A key is the same by its id and by its ARN."""


def lifecycle(answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put S3's lifecycle rules into CloudFormation's words."""
    return [_lifecycle_rule(rule) for rule in answer]


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    scope = rule.get("Filter", {})
    told = {"Prefix": rule.get("Prefix") or scope.get("Prefix") or scope.get("And", {}).get("Prefix") or ""}
    for field in ("Status", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
        if field in rule:
            told[field] = rule[field]
    if "ID" in rule:
        told["Id"] = rule["ID"]
    for field, name in (("Days", "ExpirationInDays"), ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker")):
        if field in rule.get("Expiration", {}):
            told[name] = rule["Expiration"][field]
    for field, days in (("Transitions", "Days"), ("NoncurrentVersionTransitions", "NoncurrentDays")):
        if field in rule:
            steps = [{"StorageClass": step["StorageClass"], "TransitionInDays": step[days]} for step in rule[field]]
            told[field] = steps
    return told


def wanted_lifecycle(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rules of a template, with the prefix that no prefix means."""
    return [{"Prefix": "", **rule} for rule in given["Rules"]]


def replication(answer: dict[str, Any]) -> dict[str, Any]:
    """Put S3's replication configuration into CloudFormation's words."""
    rules = [{("Id" if field == "ID" else field): value for field, value in rule.items()} for rule in answer["Rules"]]
    return {"Role": answer["Role"], "Rules": rules}


def encryption(answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put S3's encryption rules into CloudFormation's words."""
    return [
        {
            "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        }
        for rule in answer
    ]


def wanted_encryption(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rules of a template, with the bucket key that none given means."""
    return [{"BucketKeyEnabled": False, **rule} for rule in given["ServerSideEncryptionConfiguration"]]


def logging(answer: dict[str, Any]) -> dict[str, Any]:
    """Put S3's logging target into CloudFormation's words."""
    return {"DestinationBucketName": answer["TargetBucket"], "LogFilePrefix": answer["TargetPrefix"]}


def table_encryption(answer: dict[str, Any]) -> dict[str, Any]:
    """Put DynamoDB's encryption into CloudFormation's words."""
    return {
        "SSEEnabled": answer["Status"] == "ENABLED",
        "SSEType": answer["SSEType"],
        "KMSMasterKeyId": answer["KMSMasterKeyArn"],
    }


def indexes(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return of DynamoDB's indexes what a template says of them."""
    return [{field: index[field] for field in ("IndexName", "KeySchema", "Projection")} for index in listed]


def recovery(answer: dict[str, Any]) -> dict[str, Any]:
    """Put DynamoDB's point-in-time recovery into CloudFormation's words."""
    return {"PointInTimeRecoveryEnabled": answer["PointInTimeRecoveryStatus"] == "ENABLED"}


def expiry(answer: dict[str, Any]) -> dict[str, Any]:
    """Put DynamoDB's time to live into CloudFormation's words."""
    return {"AttributeName": answer["AttributeName"], "Enabled": answer["TimeToLiveStatus"] == "ENABLED"}


def destinations(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put EC2's outgoing permissions into CloudFormation's one rule a destination."""
    return [
        {{"SourceSecurityGroupId": "DestinationSecurityGroupId"}.get(key, key): value for key, value in rule.items()}
        for rule in peers(rules)
    ]


def peers(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put EC2's permissions, which hold several peers each, into CloudFormation's one rule a peer."""
    told = []
    for rule in rules:
        plain = {field: rule[field] for field in ("IpProtocol", "FromPort", "ToPort") if field in rule}
        for ranges, field in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
            told += [{**plain, **one, field: one[field]} for one in rule.get(ranges, [])]
        for pair in rule.get("UserIdGroupPairs", []):
            described = {"Description": pair["Description"]} if "Description" in pair else {}
            told.append({**plain, **described, "SourceSecurityGroupId": pair["GroupId"]})
    return told
