"""What a deployment would change, stack by stack; nothing is left behind by looking."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.stacks.assembly import Stack
from holdfast.stacks.change_set import Change, drop, make
from holdfast.stacks.cloud import Cloud
from holdfast.stacks.follow import Sleep, status_of


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One stack against its template; `is_new`: it is not deployed."""

    stack: str
    region: str
    is_new: bool
    changes: tuple[Change, ...]


def compare(cloud: Cloud, stacks: Sequence[Stack], *, sleep: Sleep = time.sleep) -> list[Difference]:
    """Return the differences in the order of deployment.

    The changes of a stack that exists are CloudFormation's own, from a change set that is dropped again.

    Raises:
        DeployFailed: CloudFormation refuses a template. Conflict: someone else changes a stack.
    """
    return [_difference(cloud, stack, sleep) for stack in stacks]


def _difference(cloud: Cloud, stack: Stack, sleep: Sleep) -> Difference:
    status = status_of(cloud.client("cloudformation", stack.region), stack.name)
    if status in (None, "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        changes = tuple(_added(name, one["Type"]) for name, one in stack.template["Resources"].items())
        return Difference(stack=stack.name, region=stack.region, is_new=True, changes=changes)
    change_set = make(cloud, stack, sleep)
    drop(cloud, change_set)
    return Difference(stack=stack.name, region=stack.region, is_new=False, changes=change_set.changes)


def _added(logical_id: str, resource_type: str) -> Change:
    return Change(action="Add", logical_id=logical_id, resource_type=resource_type, replaced="", properties=())
