"""A platform's life in an embedded AWS: what a harmless change replaces, and what a deletion leaves behind."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from holdfast.rehearsal.deploy import Deployment
from holdfast.rehearsal.ports import REHEARSAL_REGIONS, EmbeddedAws
from holdfast.stacks.assembly import Stack
from holdfast.stacks.destroy import kept_by

# Stores that remember what happened, and what an account has anyway.
HISTORY = (
    "cloudformation.",
    "cloudwatch._alarm_history",
    "ecs._tags",
    "ecs._task_def_latest",
    "eventbridge._event_buses",
    "iam._aws_managed_attachment_counts",
    "scheduler._schedule_groups",
    "sts.",
)
BOOTSTRAP = "cdk-hnb659fds"
# Of a database cluster, and of a DynamoDB table.
PROTECTIONS = frozenset({"DeletionProtection", "DeletionProtectionEnabled"})
Held = Mapping[str, set[str]]


def touched(stack: Stack) -> Stack:
    """Return the stack with one more tag wherever there are tags, and every alarm's threshold moved."""
    template = copy.deepcopy(stack.template)
    for resource in template["Resources"].values():
        properties: dict[str, Any] = resource.get("Properties", {})
        if isinstance(properties.get("Tags"), list):
            properties["Tags"].append({"Key": "Touched", "Value": "yes"})
        if resource["Type"] == "AWS::CloudWatch::Alarm" and isinstance(properties.get("Threshold"), int | float):
            properties["Threshold"] += 0.5
    return replace(stack, template=template)


def unprotected(stack: Stack) -> Stack:
    """Return the stack with deletion protection off, as its operator switches it off before a teardown."""
    template = copy.deepcopy(stack.template)
    for resource in template["Resources"].values():
        properties: dict[str, Any] = resource.get("Properties", {})
        properties.update(dict.fromkeys(PROTECTIONS & properties.keys(), False))
    return replace(stack, template=template)


def physical_ids(deployment: Deployment) -> dict[str, str]:
    """Return the physical id of every resource, by stack and logical id."""
    return {f"{one.name}.{name}": id_ for one in deployment.stacks for name, id_ in one.resources.items()}


def replaced(before: Deployment, after: Deployment) -> list[str]:
    """Return the resources of `before` that are not themselves any more."""
    now = physical_ids(after)
    return [name for name, id_ in physical_ids(before).items() if now.get(name) != id_]


def kept(deployment: Deployment) -> set[str]:
    """Return the physical ids of what the templates keep when their stacks go."""
    ids = physical_ids(deployment)
    return {ids[f"{one.name}.{name}"] for one in deployment.stacks for name in kept_by(one.template)}


def held(aws: EmbeddedAws) -> dict[str, set[str]]:
    """Return everything the services hold now."""
    for region in REHEARSAL_REGIONS:
        aws.client("ec2", region).describe_vpcs()  # the first look makes the default one
    return {store: set(keys) for store, keys in aws.census().items() if not store.startswith(HISTORY)}


def snapshotted(deployment: Deployment) -> set[str]:
    """Return the physical ids of what leaves a final snapshot when its stack goes."""
    return {
        one.resources[name]
        for one in deployment.stacks
        for name, resource in one.template["Resources"].items()
        if resource.get("DeletionPolicy") == "Snapshot" and name in one.resources
    }


def left_behind(before: Held, after: Held, keeps: set[str], snapshots: Collection[str] = ()) -> list[str]:
    """Return what is held after a deletion, was not before its deployment, and is no part of what is kept.

    Args:
        snapshots: resources that may leave a snapshot, and nothing else.
    """
    names = {part for one in keeps for part in (one, one.rpartition("/")[2], one.rpartition(":")[2])} | {BOOTSTRAP}
    return [
        f"{store}: {key}"
        for store, keys in after.items()
        for key in sorted(keys - before.get(store, set()))
        if not any(name in key for name in names)
        and not ("snapshot" in store and any(name in key for name in snapshots))
    ]
