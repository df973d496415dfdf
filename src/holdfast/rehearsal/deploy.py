"""Deploys stacks through the CloudFormation API, tells each step, and names the first resource that failed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from holdfast.errors import HoldfastError
from holdfast.rehearsal.assembly import Asset, Stack, read_assembly
from holdfast.rehearsal.ports import REHEARSAL_REGIONS, EmbeddedAws

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
BOOTSTRAP_PARAMETER = "BootstrapVersion"
BOOTSTRAP_VERSION = "30"  # what a current `cdk bootstrap` leaves behind; templates refuse less than 6
POLL_SECONDS = 0.1
LONGEST_REASON = 600
UNCHANGED = "No updates are to be performed"
FOLLOWED = "cancelled"  # CloudFormation's word for a resource that failed only because another had

Sleep = Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class StackEvent:
    """One step of a deployment; `done` of `total` resources of the stack are in place."""

    stack: str
    logical_id: str
    resource_type: str
    status: str
    reason: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class DeployedStack:
    """A stack in place, as CloudFormation describes it."""

    name: str
    region: str
    template: dict[str, Any]
    outputs: dict[str, str]
    resources: dict[str, str]  # logical id to physical id
    seconds: float


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


class DeployFailed(HoldfastError):
    """A stack did not come about, or did not go away; the text names the first resource to blame and why."""


Progress = Callable[[StackEvent], None]


def deploy(
    aws: EmbeddedAws,
    what: Path | Sequence[Stack],
    progress: Progress = lambda _: None,
    *,
    sleep: Sleep = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Deployment:
    """Bring every stack to its template, in order: created, updated, or left alone if nothing changed.

    Args:
        what: the folder of a cloud assembly, or stacks in the order of deployment.
    Raises:
        DeployFailed: a stack failed; CloudFormation has rolled it back, those before it stand.
    """
    stacks = _stacks(aws, what)
    return Deployment(stacks=tuple(_deploy_one(aws, stack, progress, sleep, clock) for stack in stacks))


def destroy(
    aws: EmbeddedAws, deployment: Deployment, progress: Progress = lambda _: None, *, sleep: Sleep = time.sleep
) -> list[str]:
    """Delete the stacks, last first; return the physical ids of what their templates retain."""
    retained: list[str] = []
    for stack in reversed(deployment.stacks):
        cloudformation = aws.client("cloudformation", stack.region)
        follow = _Follower(cloudformation, stack.name, len(stack.resources), progress)
        stack_id = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]["StackId"]
        cloudformation.delete_stack(StackName=stack.name)
        follow.until_settled(stack_id, sleep, wanted="DELETE_COMPLETE")
        retained += [stack.resources[one] for one in _retained(stack.template) if one in stack.resources]
    return retained


def _stacks(aws: EmbeddedAws, what: Path | Sequence[Stack]) -> Sequence[Stack]:
    if isinstance(what, Path):
        return read_assembly(what, account=aws.account, default_region=REHEARSAL_REGIONS[0])
    return what


def _deploy_one(
    aws: EmbeddedAws, stack: Stack, progress: Progress, sleep: Sleep, clock: Callable[[], float]
) -> DeployedStack:
    began = clock()
    url = _prepare(aws, stack)
    cloudformation = aws.client("cloudformation", stack.region)
    follow = _Follower(cloudformation, stack.name, len(stack.template["Resources"]), progress)
    request = {"StackName": stack.name, "TemplateURL": url, "Capabilities": CAPABILITIES}
    try:
        answer = (cloudformation.update_stack if follow.exists else cloudformation.create_stack)(**request)
        follow.until_settled(answer["StackId"], sleep, wanted=f"{'UPDATE' if follow.exists else 'CREATE'}_COMPLETE")
    except ClientError as error:
        if UNCHANGED not in str(error):
            raise DeployFailed(f"stack {stack.name} in {stack.region} is refused: {_said(error)}") from error
    return _described(cloudformation, stack, clock() - began)


def _prepare(aws: EmbeddedAws, stack: Stack) -> str:
    """Do what `cdk bootstrap` and `cdk-assets` do, and return the template's URL: it is too long for a request."""
    s3 = aws.client("s3", stack.region)
    template = json.dumps(stack.template).encode()
    bucket, key = f"holdfast-templates-{aws.account}-{stack.region}", f"{hashlib.sha256(template).hexdigest()}.json"
    for name in sorted({bucket, *(asset.bucket for asset in stack.assets)}):
        _make_bucket(s3, name, stack.region)
    for asset in stack.assets:
        _upload(s3, asset)
    s3.put_object(Bucket=bucket, Key=key, Body=template)
    parameter = stack.template.get("Parameters", {}).get(BOOTSTRAP_PARAMETER)
    if parameter:
        aws.client("ssm", stack.region).put_parameter(
            Name=parameter["Default"], Value=BOOTSTRAP_VERSION, Type="String", Overwrite=True
        )
    return f"https://s3.{stack.region}.amazonaws.com/{bucket}/{key}"


def _make_bucket(s3: Any, bucket: str, region: str) -> None:
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **where)
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise


def _upload(s3: Any, asset: Asset) -> None:
    """Put the file unless it is there: its key is the digest of its content."""
    try:
        s3.head_object(Bucket=asset.bucket, Key=asset.key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=asset.content())


def _described(cloudformation: Any, stack: Stack, seconds: float) -> DeployedStack:
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
        },
        seconds=seconds,
    )


def _retained(template: dict[str, Any]) -> list[str]:
    kept = ("Retain", "RetainExceptOnCreate")
    return [name for name, one in template["Resources"].items() if one.get("DeletionPolicy") in kept]


def _said(error: ClientError) -> str:
    return _brief(str(error.response["Error"].get("Message", error)))


def _brief(text: str) -> str:
    """Return one line of bounded length: some services quote the whole request."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON // 2]} ... {line[-LONGEST_REASON // 2 :]}"


@dataclass
class _Follower:
    """Reads a stack's events from where they stand at its making, and tells each one once."""

    cloudformation: Any
    stack: str
    total: int
    progress: Progress
    seen: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    blame: str = ""
    exists: bool = False

    def __post_init__(self) -> None:
        try:
            self.exists = bool(self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"])
        except ClientError:
            return
        self.seen = {event["EventId"] for event in self._events(self.stack)}

    def until_settled(self, stack_id: str, sleep: Sleep, *, wanted: str) -> None:
        """Tell events until the stack rests. Raises DeployFailed if it rests anywhere but at `wanted`."""
        while True:
            status = self.cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
            for event in self._events(stack_id):
                self._tell(event)
            if not status.endswith("_IN_PROGRESS"):
                break
            sleep(POLL_SECONDS)
        if status != wanted:
            raise DeployFailed(f"stack {self.stack} ended as {status}: {self.blame or 'no resource says why'}")

    def _events(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the events not seen yet, oldest first."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
        fresh: list[dict[str, Any]] = [
            event for page in pages for event in page["StackEvents"] if event["EventId"] not in self.seen
        ]
        yield from reversed(fresh)

    def _tell(self, event: dict[str, Any]) -> None:
        self.seen.add(event["EventId"])
        status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
        logical_id, resource_type = event["LogicalResourceId"], event["ResourceType"]
        if status.endswith("_COMPLETE") and logical_id != self.stack:
            self.done.add(logical_id)
        if status.endswith("_FAILED") and not self.blame and FOLLOWED not in reason.lower():
            self.blame = f"{logical_id} ({resource_type}) {status}: {_brief(reason)}"
        self.progress(
            StackEvent(
                stack=self.stack,
                logical_id=logical_id,
                resource_type=resource_type,
                status=status,
                reason=reason,
                done=len(self.done),
                total=self.total,
            )
        )
