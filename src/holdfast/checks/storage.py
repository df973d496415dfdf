"""Reads buckets: what they hold, who writes there, and when their objects move or go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import Statement, statements
from holdfast.checks.values import Undecided, Value, as_list, as_number, as_text, is_undecided

_BACKUP = re.compile(r"(?i)back[-_]?ups?(?![a-z]*log)")
_NOT_BACKUPS = re.compile(r"(?i)log|audit|trail|source|restore|staging")


@dataclass(frozen=True)
class Transition:
    """Objects of a lifecycle rule go to `storage_class` after `days`; None when a date decides."""

    storage_class: str
    days: float | Undecided | None
    path: str


@dataclass(frozen=True)
class LifecycleRule:
    """One enabled rule of a bucket's lifecycle."""

    bucket: Resource
    path: str
    transitions: list[Transition]
    noncurrent: list[Transition]
    expires: float | Undecided | None
    noncurrent_expires: float | Undecided | None
    whole_bucket: bool
    data: dict[str, Any]


def holds_backups(bucket: Resource) -> bool:
    """Tell whether a bucket is one of backups: its name or id says so, and does not speak of logs or a source."""
    texts = (as_text(bucket.get("BucketName")) or "", bucket.logical_id)
    names = [re.sub(r"\$\{[^}]*\}", "", text) for text in texts]
    return any(_BACKUP.search(name) for name in names) and not any(_NOT_BACKUPS.search(name) for name in names)


def bucket_statements(bucket: Resource) -> list[tuple[Resource, Statement]]:
    """Return the statements of a bucket's policies with the resource that holds each."""
    policies = bucket.system.resources("AWS::S3::BucketPolicy")
    own = [policy for policy in policies if bucket.system.find(policy.get("Bucket"), bucket.type) is bucket]
    return [(policy, statement) for policy in own for statement in statements(policy.get("PolicyDocument"))]


def lifecycle(bucket: Resource) -> list[LifecycleRule]:
    """Return the enabled lifecycle rules of a bucket."""
    found = []
    for index, rule in enumerate(as_list(bucket.get("LifecycleConfiguration.Rules"))):
        if isinstance(rule, dict) and rule.get("Status", "Enabled") == "Enabled":
            found.append(_rule(bucket, f"LifecycleConfiguration.Rules.{index}", rule))
    return found


def versioned(bucket: Resource) -> bool | Undecided:
    """Tell whether a bucket keeps versions; Object Lock implies it."""
    status = bucket.get("VersioningConfiguration.Status")
    if isinstance(status, Undecided):
        return status
    return status == "Enabled" or bucket.get("ObjectLockEnabled") in (True, "true")


def rules_of(bucket: Resource) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the enabled replication rules of a bucket with their index; each has a `Destination` mapping."""
    for index, rule in enumerate(as_list(bucket.get("ReplicationConfiguration.Rules"))):
        if isinstance(rule, dict) and rule.get("Status") == "Enabled" and isinstance(rule.get("Destination"), dict):
            yield index, rule


def destinations(bucket: Resource) -> list[Resource]:
    """Return the buckets of the system that a bucket replicates to."""
    found = (bucket.system.find(rule["Destination"].get("Bucket"), bucket.type) for _, rule in rules_of(bucket))
    return [copy for copy in found if copy is not None]


def unknown_destination(bucket: Resource) -> bool:
    """Tell whether a bucket replicates to one that cannot be known."""
    if isinstance(bucket.get("ReplicationConfiguration.Rules"), Undecided):
        return True
    return any(is_undecided(rule["Destination"].get("Bucket")) for _, rule in rules_of(bucket))


def log_sources(bucket: Resource) -> Iterator[tuple[Resource, str]]:
    """Yield what delivers logs into a bucket: (resource, what kind of log)."""
    for other, path, _ in bucket.referrers:
        if other.type == "AWS::S3::Bucket" and path[0] == "LoggingConfiguration":
            yield other, "access"
        elif other.type == "AWS::CloudTrail::Trail" and path == ("S3BucketName",):
            yield other, "trail"
        elif other.type == "AWS::ElasticLoadBalancingV2::LoadBalancer" and path[0] == "LoadBalancerAttributes":
            yield other, "balancer"
        elif other.type == "AWS::EC2::FlowLog" and path == ("LogDestination",):
            yield other, "flow"


def _rule(bucket: Resource, path: str, rule: dict[str, Any]) -> LifecycleRule:
    noncurrent = rule.get("NoncurrentVersionExpiration")
    limit = (
        noncurrent.get("NoncurrentDays")
        if isinstance(noncurrent, dict)
        else rule.get("NoncurrentVersionExpirationInDays")
    )
    return LifecycleRule(
        bucket=bucket,
        path=path,
        transitions=list(_transitions(rule, path, "Transitions", "Transition", "TransitionInDays")),
        noncurrent=list(
            _transitions(rule, path, "NoncurrentVersionTransitions", "NoncurrentVersionTransition", "TransitionInDays")
        ),
        expires=as_number(rule.get("ExpirationInDays")),
        noncurrent_expires=as_number(limit),
        whole_bucket=not any(
            rule.get(name) for name in ("Prefix", "TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
        ),
        data=rule,
    )


def _transitions(rule: dict[str, Any], path: str, plural: str, single: str, days: str) -> Iterator[Transition]:
    entries: list[tuple[str, Value]] = [
        (f"{path}.{plural}.{index}", entry) for index, entry in enumerate(as_list(rule.get(plural)))
    ]
    if rule.get(single) is not None:
        entries.append((f"{path}.{single}", rule[single]))
    for where, entry in entries:
        if isinstance(entry, dict):
            yield Transition(as_text(entry.get("StorageClass")) or "", as_number(entry.get(days)), where)
