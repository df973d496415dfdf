"""Follows a stack while CloudFormation works on it: each event once, and the first resource to blame for a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from holdfast.errors import HoldfastError

POLL_SECONDS = 0.1
POLL_SECONDS_MOST = 3.0  # AWS throttles DescribeStackEvents; an embedded AWS is done before it comes to that
LONGEST_REASON = 600
FOLLOWED = "cancelled"  # CloudFormation's word for a resource that failed only because another had

ELSEWHERE = "Call DescribeEvents"
HINTS = {"NAME_CONFLICT_VALIDATION": " `--import-existing` takes it over"}

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


class DeployFailed(HoldfastError):
    """A stack did not come about, or did not go away; the text names the first resource to blame and why."""


Progress = Callable[[StackEvent], None]


def said(error: ClientError) -> str:
    """Return what a service answered, on one line."""
    return brief(str(error.response["Error"].get("Message", error)))


def brief(text: str) -> str:
    """Return one line of bounded length: some services quote the whole request."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON // 2]} ... {line[-LONGEST_REASON // 2 :]}"


def status_of(cloudformation: Any, stack: str) -> str | None:
    """Return the stack's status; None where there is no such stack."""
    try:
        return str(cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None


@dataclass
class Follower:
    """Reads a stack's events from where they stand at its making, and tells each one once."""

    cloudformation: Any
    stack: str
    total: int
    progress: Progress
    seen: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    blame: str = ""

    def __post_init__(self) -> None:
        if status_of(self.cloudformation, self.stack) is not None:
            self.seen = {event["EventId"] for event in self._events(self.stack)}

    def until_settled(self, stack_id: str, sleep: Sleep, *, wanted: str) -> None:
        """Tell events until the stack rests. Raises DeployFailed if it rests anywhere but at `wanted`."""
        wait = POLL_SECONDS
        while True:
            status = self.cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
            before = len(self.seen)
            for event in self._events(stack_id):
                self._tell(event)
            if not status.endswith("_IN_PROGRESS"):
                break
            sleep(wait)
            wait = POLL_SECONDS if len(self.seen) > before else min(wait * 1.5, POLL_SECONDS_MOST)
        if status != wanted:
            blame = self._refused(stack_id) if ELSEWHERE in self.blame else self.blame
            raise DeployFailed(f"stack {self.stack} ended as {status}: {blame or 'no resource says why'}")

    def _refused(self, stack_id: str) -> str:
        """Return what CloudFormation found wrong before it made anything, which only DescribeEvents tells."""
        found = [
            f"{one['LogicalResourceId']} ({one['ResourceType']}) {one['ValidationName']}: "
            f"{one['ValidationStatusReason']}{HINTS.get(one['ValidationName'], '')}"
            for one in self.cloudformation.describe_events(StackName=stack_id)["OperationEvents"]
            if one.get("ValidationStatus") == "FAILED"
        ]
        return brief("; ".join(found)) or self.blame

    def _events(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the events not seen yet, oldest first."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
        fresh: list[dict[str, Any]] = []
        for page in pages:
            unseen = [event for event in page["StackEvents"] if event["EventId"] not in self.seen]
            fresh += unseen
            if len(unseen) < len(page["StackEvents"]):
                break  # newest first: what follows was seen
        yield from reversed(fresh)

    def _tell(self, event: dict[str, Any]) -> None:
        self.seen.add(event["EventId"])
        status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
        logical_id, resource_type = event["LogicalResourceId"], event["ResourceType"]
        if status.endswith("_COMPLETE") and logical_id != self.stack:
            self.done.add(logical_id)
        if status.endswith("_FAILED") and not self.blame and FOLLOWED not in reason.lower():
            self.blame = f"{logical_id} ({resource_type}) {status}: {brief(reason)}"
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
