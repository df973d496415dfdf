"""The read-back gate: CREATE_COMPLETE proves nothing, so every promised property is asked back from its service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from holdfast.rehearsal.deploy import DeployedStack, Deployment
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.rehearsal.promised.tables import CUSTOM, PROMISED, UNTOLD
from holdfast.rehearsal.read_back_rows import Call, Deployed, Row
from holdfast.rehearsal.resolve import Resolver, Unresolvable

MISSING = "nothing"
DYNAMIC = "{{resolve:"


class Verdict(StrEnum):
    """What a read-back found."""

    SAME = "same"
    DIFFERENT = "different"  # the service holds another value, or none: what was promised is not there
    NOT_ECHOED = "not echoed"  # no answer shows it: unproven


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """One property: what the template says and what the service answers."""

    stack: str
    region: str
    logical_id: str
    resource_type: str
    property: str
    wanted: Any
    got: Any
    verdict: Verdict
    reason: str = ""

    def __str__(self) -> str:
        where = f"{self.stack}.{self.logical_id} ({self.resource_type}) {self.property}"
        if self.verdict is Verdict.DIFFERENT:
            return f"{where}: the template says {_short(self.wanted)}, the service {_short(self.got)}"
        return f"{where}: {self.verdict}{f', {self.reason}' if self.reason else ''}"


def read_back(aws: EmbeddedAws, deployment: Deployment) -> list[ReadBack]:
    """Ask every property of the deployment's templates back, in the order of the templates."""
    return [found for stack in deployment.stacks for found in _StackReader(aws, stack).read()]


class _StackReader:
    """Reads one stack back; each call is made once."""

    def __init__(self, aws: EmbeddedAws, stack: DeployedStack) -> None:
        self._aws, self._stack = aws, stack
        self._attributes = aws.attributes(stack.name, stack.region)
        self._answers: dict[str, Any] = {}
        self._resolver = Resolver(
            pseudo={
                "AWS::AccountId": aws.account,
                "AWS::Partition": "aws",
                "AWS::Region": stack.region,
                "AWS::StackName": stack.name,
                "AWS::URLSuffix": "amazonaws.com",
            },
            parameters={
                **{name: one["Default"] for name, one in _parameters(stack).items() if "Default" in one},
                **stack.parameters,
            },
            resources=stack.resources,
            attributes=self._attributes,
            mappings=stack.template.get("Mappings", {}),
            conditions=stack.template.get("Conditions", {}),
            exports=_exports(aws, stack.region),
            zones=[one["ZoneName"] for one in _zones(aws, stack.region)],
        )

    def read(self) -> Iterator[ReadBack]:
        """Yield one read-back for each property of each resource that is there."""
        for logical_id, resource in self._stack.template["Resources"].items():
            if logical_id in self._stack.resources:
                yield from self._resource(logical_id, resource["Type"], resource.get("Properties", {}))

    def _resource(self, logical_id: str, resource_type: str, properties: dict[str, Any]) -> Iterator[ReadBack]:
        resolved, unresolved = self._resolved(properties)
        physical_id = self._stack.resources[logical_id]
        deployed = Deployed(
            logical_id=logical_id,
            resource_type=resource_type,
            physical_id=physical_id,
            region=self._stack.region,
            account=self._aws.account,
            arn=str(self._attributes.get(logical_id, {}).get("Arn", physical_id)),
            attributes=self._attributes.get(logical_id, {}),
            properties=resolved,
        )
        rows = {row.name: row for row in PROMISED.get(resource_type, [])}
        for name in properties:
            wanted, got, verdict, reason = None, None, Verdict.NOT_ECHOED, unresolved.get(name, "")
            if name in resolved:
                wanted = resolved[name]
                if name in rows:
                    wanted, got, verdict = self._compared(deployed, rows[name], wanted)
                else:
                    unread = CUSTOM if resource_type.startswith("Custom::") else "nothing reads it back"
                    reason = UNTOLD.get((resource_type, name), unread)
            yield ReadBack(
                stack=self._stack.name,
                region=self._stack.region,
                logical_id=logical_id,
                resource_type=resource_type,
                property=name,
                wanted=wanted,
                got=got,
                verdict=verdict,
                reason=reason,
            )

    def _resolved(self, properties: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        resolved, unresolved = {}, {}
        for name, expression in properties.items():
            try:
                resolved[name] = self._resolver.value(expression)
                if DYNAMIC in json.dumps(resolved[name]):
                    raise Unresolvable("a dynamic reference: CloudFormation alone resolves it")
            except Unresolvable as error:
                unresolved[name] = str(error)
                resolved.pop(name, None)
        return resolved, unresolved

    def _compared(self, deployed: Deployed, row: Row, given: Any) -> tuple[Any, Any, Verdict]:
        wanted = row.want(given)
        try:
            answer = row.call.select(self._ask(deployed, row.call), deployed)
            got = wanted if row.addresses else row.got(_at(answer, row.path))
            if row.among:
                got = [one for one in got if any(holds(each, one) for each in wanted)]
        except (ClientError, LookupError, TypeError):
            got = MISSING
        return wanted, got, Verdict.SAME if holds(wanted, got) else Verdict.DIFFERENT

    def _ask(self, deployed: Deployed, call: Call) -> Any:
        parameters = call.parameters(deployed)
        key = json.dumps([call.service, call.operation, parameters], sort_keys=True)
        if key not in self._answers:
            ask = getattr(self._aws.client(call.service, self._stack.region), call.operation)
            if isinstance(parameters, list):
                self._answers[key] = [ask(**each) for each in parameters]
            else:
                self._answers[key] = ask(**parameters)
        return self._answers[key]


def holds(wanted: Any, got: Any) -> bool:
    """Tell whether an answer shows what is wanted: it may say more, and in another order, but nothing else."""
    if isinstance(wanted, dict):
        return isinstance(got, dict) and all(key in got and holds(one, got[key]) for key, one in wanted.items())
    if isinstance(wanted, list) or isinstance(got, list):
        wanted, got = (one if isinstance(one, list) else [one] for one in (wanted, got))
        return len(wanted) == len(got) and _paired(wanted, got)
    return bool(_plain(wanted) == _plain(got))


def _paired(wanted: list[Any], got: list[Any]) -> bool:
    """Tell whether each wanted item has an item of its own that shows it."""
    left = list(got)
    for one in wanted:
        match = next((index for index, other in enumerate(left) if holds(one, other)), None)
        if match is None:
            return False
        del left[match]
    return True


def _plain(value: Any) -> Any:
    """Compare true with "true" and 300 with "300" or 300.0, as CloudFormation takes them."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower()
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _at(answer: Any, path: str) -> Any:
    for step in path.split(".") if path else []:
        answer = answer[int(step)] if isinstance(answer, list) else answer[step]
    return answer


def _zones(aws: EmbeddedAws, region: str) -> list[dict[str, Any]]:
    zones: list[dict[str, Any]] = aws.client("ec2", region).describe_availability_zones()["AvailabilityZones"]
    return zones


def _exports(aws: EmbeddedAws, region: str) -> dict[str, str]:
    pages = aws.client("cloudformation", region).get_paginator("list_exports").paginate()
    return {one["Name"]: one["Value"] for page in pages for one in page["Exports"]}


def _parameters(stack: DeployedStack) -> dict[str, Any]:
    parameters: dict[str, Any] = stack.template.get("Parameters", {})
    return parameters


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
    return text if len(text) <= 200 else f"{text[:200]}..."
