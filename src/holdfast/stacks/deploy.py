"""Deploys stacks through change sets, tells each step, and names the first resource that failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import NotFound
from holdfast.stacks.assembly import Stack
from holdfast.stacks.change_set import ChangeSet, make
from holdfast.stacks.cloud import Cloud
from holdfast.stacks.follow import Follower, Progress, Sleep, status_of


@dataclass(frozen=True, kw_only=True)
class DeployedStack:
    """A stack in place, as CloudFormation describes it."""

    name: str
    region: str
    template: dict[str, Any]
    outputs: dict[str, str]
    resources: dict[str, str]  # logical id to physical id
    seconds: float
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What was deployed, in order."""

    stacks: tuple[DeployedStack, ...]

    def output(self, key: str) -> str:
        """Return one output; KeyError names what there is."""
        outputs = {name: value for stack in self.stacks for name, value in stack.outputs.items()}
        if key not in outputs:
            raise KeyError(f"no output {key}; there are {', '.join(sorted(outputs))}")
        return outputs[key]

    def resource(self, logical_id: str) -> str:
        """Return one resource's physical id."""
        return next(stack.resources[logical_id] for stack in self.stacks if logical_id in stack.resources)


def deploy(
    cloud: Cloud,
    stacks: Sequence[Stack],
    progress: Progress = lambda _: None,
    *,
    import_existing: bool = False,
    sleep: Sleep = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Deployment:
    """Bring every stack to its template, in order: created, updated, or left alone if nothing changed.

    Raises:
        DeployFailed: a stack failed; CloudFormation has rolled it back, those before it stand.
        Conflict: someone else changes a stack. NotFound: the account is not bootstrapped.
    """
    deployed = []
    for stack in stacks:
        began = clock()
        carry_out(cloud, make(cloud, stack, sleep, import_existing=import_existing), progress, sleep)
        deployed.append(describe(cloud, stack, seconds=clock() - began))
    return Deployment(stacks=tuple(deployed))


def carry_out(cloud: Cloud, change_set: ChangeSet, progress: Progress, sleep: Sleep) -> None:
    """Execute a change set that has changes, and follow it to its end."""
    stack = change_set.stack
    if not change_set.stack_id:  # nothing to change
        return
    cloudformation = cloud.client("cloudformation", stack.region)
    follow = Follower(cloudformation, stack.name, len(stack.template["Resources"]), progress)
    cloudformation.execute_change_set(ChangeSetName=change_set.identifier)
    wanted = "CREATE_COMPLETE" if change_set.creates else "UPDATE_COMPLETE"
    follow.until_settled(change_set.stack_id, sleep, wanted=wanted)


def describe(cloud: Cloud, stack: Stack, *, seconds: float = 0.0) -> DeployedStack:
    """Return a stack as it stands.

    Raises:
        NotFound: it is not deployed.
    """
    cloudformation = cloud.client("cloudformation", stack.region)
    if status_of(cloudformation, stack.name) in (None, "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
        raise NotFound(f"stack {stack.name} is not deployed in {stack.region}: `holdfast deploy` deploys it")
    described = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
    return DeployedStack(
        name=stack.name,
        region=stack.region,
        template=stack.template,
        outputs={one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", [])},
        resources={
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
            if "PhysicalResourceId" in one
        },
        seconds=seconds,
        parameters={one["ParameterKey"]: one["ParameterValue"] for one in described.get("Parameters", [])},
    )
