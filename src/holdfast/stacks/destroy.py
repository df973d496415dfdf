"""Deletes stacks, last first, and tells what their templates keep."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from holdfast.errors import Conflict
from holdfast.stacks.cloud import Cloud
from holdfast.stacks.deploy import DeployedStack
from holdfast.stacks.follow import Follower, Progress, Sleep, status_of


def destroy(
    cloud: Cloud, stacks: Sequence[DeployedStack], progress: Progress = lambda _: None, *, sleep: Sleep = time.sleep
) -> list[str]:
    """Delete the stacks, last first; return the physical ids of what their templates retain.

    Raises:
        DeployFailed: a resource cannot be deleted. Conflict: someone else changes a stack.
    """
    retained: list[str] = []
    for stack in reversed(stacks):
        cloudformation = cloud.client("cloudformation", stack.region)
        status = status_of(cloudformation, stack.name) or ""
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise Conflict(f"stack {stack.name} is {status}: someone else changes it; wait, then try again")
        follow = Follower(cloudformation, stack.name, len(stack.resources), progress)
        stack_id = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]["StackId"]
        cloudformation.delete_stack(StackName=stack.name)
        follow.until_settled(stack_id, sleep, wanted="DELETE_COMPLETE")
        retained += [stack.resources[one] for one in kept_by(stack.template) if one in stack.resources]
    return retained


def kept_by(template: dict[str, Any]) -> list[str]:
    """Return the logical ids that outlive their stack."""
    kept = ("Retain", "RetainExceptOnCreate")
    return [name for name, one in template["Resources"].items() if one.get("DeletionPolicy") in kept]


def stacks_left(cloud: Cloud, regions: Sequence[str]) -> list[str]:
    """Return the names of all stacks that are there, in these regions."""
    return [
        one["StackName"]
        for region in regions
        for page in cloud.client("cloudformation", region).get_paginator("list_stacks").paginate()
        for one in page["StackSummaries"]
        if one["StackStatus"] != "DELETE_COMPLETE"
    ]
