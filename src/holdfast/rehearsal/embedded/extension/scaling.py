"""Application Auto Scaling: targets and policies are recorded and told back; nothing scales."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id, get_region

from holdfast.rehearsal.embedded.extension import recorded
from holdfast.rehearsal.embedded.extension.recorded import Answer, RecordedService, Request
from holdfast.rehearsal.embedded.extension.resource_type import (
    Created,
    Properties,
    ResourceType,
    chosen,
    tags_of,
    whole,
)
from holdfast.rehearsal.embedded.extension.service_clients import client

NAMESPACE, RESOURCE, DIMENSION = "ServiceNamespace", "ResourceId", "ScalableDimension"


def _target_key(request: Request) -> str:
    return f"{request[RESOURCE]}|{request[DIMENSION]}|{request[NAMESPACE]}"


def _policy_key(request: Request) -> str:
    return f"{request['PolicyName']}|{_target_key(request)}"


def _arn(kind: str, key: str) -> str:
    return f"arn:aws:application-autoscaling:{get_region()}:{get_account_id()}:{kind}/{key}"


def _target_of(request: Request, record: dict[str, Any]) -> bool:
    ids = request.get("ResourceIds", [])
    return record[NAMESPACE] == request[NAMESPACE] and (not ids or record[RESOURCE] in ids)


def _policy_of(request: Request, record: dict[str, Any]) -> bool:
    names = request.get("PolicyNames", [])
    wanted = request.get(RESOURCE, record[RESOURCE])
    return bool(
        record[NAMESPACE] == request[NAMESPACE]
        and record[RESOURCE] == wanted
        and (not names or record["PolicyName"] in names)
    )


def _registered(record: Answer) -> Answer:
    record["ScalableTargetARN"] = record.get("ScalableTargetARN") or _arn("scalable-target", record[RESOURCE])
    record.setdefault("CreationTime", 0)
    record.setdefault("RoleARN", f"arn:aws:iam::{get_account_id()}:role/aws-service-role/application-autoscaling")
    return {"ScalableTargetARN": record["ScalableTargetARN"]}


def _policed(record: Answer) -> Answer:
    record["PolicyARN"] = record.get("PolicyARN") or _arn("scalingPolicy", f"{record[RESOURCE]}:{record['PolicyName']}")
    record.setdefault("CreationTime", 0)
    record["Alarms"] = []
    return {"PolicyARN": record["PolicyARN"], "Alarms": []}


def _tags(store: recorded.Store, request: Request) -> Answer:
    found = [one for one in store["target"].values() if one["ScalableTargetARN"] == request["ResourceARN"]]
    return {"Tags": found[0].get("Tags", {}) if found else {}}


MISSING = "ObjectNotFoundException"
SERVICE = RecordedService(
    {
        "RegisterScalableTarget": recorded.put("target", _target_key, _registered),
        "DescribeScalableTargets": recorded.describe("target", "ScalableTargets", _target_of),
        "DeregisterScalableTarget": recorded.delete("target", _target_key, MISSING),
        "ListTagsForResource": _tags,
        "PutScalingPolicy": recorded.put("policy", _policy_key, _policed),
        "DescribeScalingPolicies": recorded.describe("policy", "ScalingPolicies", _policy_of),
        "DeleteScalingPolicy": recorded.delete("policy", _policy_key, MISSING),
    }
)


def _create_target(_name: str, properties: Properties) -> Created:
    fields = ("RoleARN", "SuspendedState", NAMESPACE, RESOURCE, DIMENSION)
    limits = {field: int(properties[field]) for field in ("MinCapacity", "MaxCapacity")}
    tags = {"Tags": tags_of(properties)} if "Tags" in properties else {}
    answer = client("application-autoscaling").register_scalable_target(**chosen(properties, fields), **limits, **tags)
    return _target_key(properties), {"Id": _target_key(properties), "Arn": answer["ScalableTargetARN"]}


def _update_target(_id: str, _old: Properties, new: Properties) -> Created:
    return _create_target("", new)


def _delete_target(physical_id: str, _properties: Properties) -> None:
    client("application-autoscaling").deregister_scalable_target(**_named(physical_id))


def _named(scalable_target: str) -> dict[str, str]:
    """Return what a target's physical id names; a policy may name its target by it alone."""
    return dict(zip((RESOURCE, DIMENSION, NAMESPACE), scalable_target.split("|"), strict=True))


def _policy_target(properties: Properties) -> dict[str, Any]:
    target = properties.get("ScalingTargetId")
    return _named(target) if target else chosen(properties, (NAMESPACE, RESOURCE, DIMENSION))


CONFIGURATIONS = (
    "PolicyType",
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
)


def _create_policy(_name: str, properties: Properties) -> Created:
    given = whole(chosen(properties, CONFIGURATIONS))
    tracking = given.get("TargetTrackingScalingPolicyConfiguration", {})
    if "TargetValue" in tracking:
        tracking["TargetValue"] = float(tracking["TargetValue"])
    answer = client("application-autoscaling").put_scaling_policy(
        PolicyName=properties["PolicyName"], **_policy_target(properties), **given
    )
    return answer["PolicyARN"], {"Arn": answer["PolicyARN"]}


def _update_policy(_id: str, _old: Properties, new: Properties) -> Created:
    return _create_policy("", new)


def _delete_policy(_id: str, properties: Properties) -> None:
    client("application-autoscaling").delete_scaling_policy(
        PolicyName=properties["PolicyName"], **_policy_target(properties)
    )


TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(
        create=_create_target, update=_update_target, delete=_delete_target
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        create=_create_policy, update=_update_policy, delete=_delete_policy
    ),
}
