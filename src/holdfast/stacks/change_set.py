"""A change set: what CloudFormation would do to bring a stack to its template; carried out, or dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from holdfast.errors import Conflict, InvalidRequest
from holdfast.stacks.assembly import Stack
from holdfast.stacks.cloud import Cloud
from holdfast.stacks.follow import POLL_SECONDS, DeployFailed, Sleep, said, status_of
from holdfast.stacks.publish import publish

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
NAME = "holdfast"
UNCHANGED = ("No updates are to be performed", "didn't contain changes")
ABSENT = ("ChangeSetNotFound", "ChangeSetNotFoundException", "ValidationError")
EMPTY = ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")  # names of stacks that hold nothing


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that would be added, changed, removed or taken over; `replaced`: "", "yes" or "perhaps"."""

    action: str  # Add, Modify, Remove, Import, Dynamic
    logical_id: str
    resource_type: str
    replaced: str
    properties: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ChangeSet:
    """What is ready to be carried out; no `changes`: the stack is as its template says."""

    stack: Stack
    creates: bool
    identifier: str
    stack_id: str
    changes: tuple[Change, ...]


def make(cloud: Cloud, stack: Stack, sleep: Sleep, *, import_existing: bool = False) -> ChangeSet:
    """Publish the stack's files and have CloudFormation compute the changes.

    Args:
        import_existing: take over resources that an earlier stack retained under the same names.
    Raises:
        InvalidRequest: a parameter has no value. Conflict: CloudFormation is at work on the stack.
        DeployFailed: it refuses the template.
    """
    cloudformation = cloud.client("cloudformation", stack.region)
    creates = _ready_for(cloudformation, stack.name, sleep)
    request = {
        "StackName": stack.name,
        "ChangeSetName": NAME,
        "ChangeSetType": "CREATE" if creates else "UPDATE",
        "Capabilities": CAPABILITIES,
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(stack.tags.items())],
        "Parameters": _parameters(cloudformation, stack, creates=creates),
        **({"ImportExistingResources": True} if import_existing else {}),
        **publish(cloud, stack),
    }
    _forget(cloudformation, stack.name, NAME)  # of an earlier run that was interrupted
    try:
        answer = cloudformation.create_change_set(**request)
    except ClientError as error:
        raise DeployFailed(f"stack {stack.name} in {stack.region} is refused: {said(error)}") from error
    described = _settled(cloudformation, answer["Id"], sleep)
    if described["Status"] == "FAILED":
        none = ChangeSet(stack=stack, creates=creates, identifier=answer["Id"], stack_id="", changes=())
        drop(cloud, none)
        if any(phrase in described.get("StatusReason", "") for phrase in UNCHANGED):
            return none
        raise DeployFailed(f"stack {stack.name} in {stack.region} is refused: {described.get('StatusReason')}")
    return ChangeSet(
        stack=stack,
        creates=creates,
        identifier=answer["Id"],
        stack_id=answer["StackId"],
        changes=tuple(_change(one["ResourceChange"]) for one in described["Changes"] if "ResourceChange" in one),
    )


def _parameters(cloudformation: Any, stack: Stack, *, creates: bool) -> list[dict[str, Any]]:
    """Return the values given; without one, a parameter has its default, or else keeps the value it has.

    Raises:
        InvalidRequest: a parameter has neither value nor default, and the stack is new.
    """
    asked = stack.template.get("Parameters", {})
    given: list[dict[str, Any]] = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in stack.parameters.items()
    ]
    open_ones = [name for name, one in asked.items() if "Default" not in one and name not in stack.parameters]
    known: list[dict[str, Any]] = []
    if open_ones and not creates:
        known = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0].get("Parameters", [])
    for name in open_ones:
        if name not in {one["ParameterKey"] for one in known}:
            raise InvalidRequest(
                f"stack {stack.name} needs a value for {name} ({asked[name].get('Description', 'no default')}): "
                f"write it into the settings, or give --parameter {name}=VALUE"
            )
        given.append({"ParameterKey": name, "UsePreviousValue": True})
    return given


def drop(cloud: Cloud, change_set: ChangeSet) -> None:
    """Forget the change set, and the empty stack that making one for a new stack leaves."""
    cloudformation = cloud.client("cloudformation", change_set.stack.region)
    _forget(cloudformation, change_set.stack.name, change_set.identifier)
    if change_set.creates and status_of(cloudformation, change_set.stack.name) == "REVIEW_IN_PROGRESS":
        cloudformation.delete_stack(StackName=change_set.stack.name)


def _ready_for(cloudformation: Any, stack: str, sleep: Sleep) -> bool:
    """Tell whether the stack is to be created; one that failed to be created before is cleared away first."""
    status = status_of(cloudformation, stack)
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        cloudformation.delete_stack(StackName=stack)
        while status is not None and status != "DELETE_COMPLETE":
            status = status_of(cloudformation, stack)
            if status in ("DELETE_FAILED", "ROLLBACK_FAILED"):
                raise DeployFailed(f"stack {stack} is left from a failed creation and cannot be deleted: {status}")
            sleep(POLL_SECONDS)
    if status is not None and status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise Conflict(f"stack {stack} is {status}: someone else changes it; wait until it is done, then try again")
    return status is None or status in EMPTY


def _settled(cloudformation: Any, identifier: str, sleep: Sleep) -> dict[str, Any]:
    """Wait until the change set is made, and return it with all its changes."""
    while True:
        described: dict[str, Any] = cloudformation.describe_change_set(ChangeSetName=identifier)
        if described["Status"] in ("CREATE_COMPLETE", "FAILED"):
            break
        sleep(POLL_SECONDS)
    token = described.get("NextToken")
    while token:
        page = cloudformation.describe_change_set(ChangeSetName=identifier, NextToken=token)
        described["Changes"] += page["Changes"]
        token = page.get("NextToken")
    return described


def _forget(cloudformation: Any, stack: str, name: str) -> None:
    try:
        cloudformation.delete_change_set(StackName=stack, ChangeSetName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ABSENT:
            raise


def _change(told: Mapping[str, Any]) -> Change:
    targets = [detail["Target"] for detail in told.get("Details", [])]
    return Change(
        action=told["Action"],
        logical_id=told["LogicalResourceId"],
        resource_type=told["ResourceType"],
        replaced={"True": "yes", "Conditional": "perhaps"}.get(told.get("Replacement", ""), ""),
        properties=tuple(dict.fromkeys(one.get("Name") or one["Attribute"] for one in targets)),
    )
