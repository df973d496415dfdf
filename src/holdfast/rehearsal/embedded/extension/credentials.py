"""Rotation and policy of a secret, and its ARN as what Ref returns; MiniStack gives its name.

A hosted rotation's function is AWS's own: here it is a name that nothing runs.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

from holdfast.rehearsal.embedded.extension.resource_type import Created, Properties, ResourceType, whole
from holdfast.rehearsal.embedded.extension.service_clients import client

TYPE = "AWS::SecretsManager::Secret"


def install() -> None:
    """Let a secret's physical id be its ARN."""
    handler = provisioners._RESOURCE_HANDLERS[TYPE]

    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        _, attributes = handler["create"](logical_id, properties, stack)
        return attributes["Arn"], attributes

    def update(arn: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
        _, attributes = handler["update"](_name(arn), old, new, stack, logical_id)
        return attributes["Arn"], attributes

    def delete(arn: str, properties: Properties) -> None:
        handler["delete"](_name(arn), properties)

    own = {"create": create, "update": update, "delete": delete, "update_with_logical_id": True}
    provisioners._RESOURCE_HANDLERS[TYPE] = {**handler, **own}


def _name(arn: str) -> str:
    key, _ = secretsmanager._resolve(arn)
    return key or arn


def _create_rotation(_name: str, properties: Properties) -> Created:
    secret = client("secretsmanager").describe_secret(SecretId=properties["SecretId"])
    _, record = secretsmanager._resolve(secret["ARN"])
    # The service's own RotateSecret makes a version at once, with the value it had: CloudFormation is asked to wait
    # for the schedule where RotateImmediatelyOnUpdate is false, and nothing rotates here otherwise.
    record["RotationEnabled"] = True
    record["RotationLambdaARN"] = properties.get("RotationLambdaARN") or _hosted(properties)
    record["RotationRules"] = whole(properties.get("RotationRules", {}))
    return secret["ARN"], {"Id": secret["ARN"]}


def _hosted(properties: Properties) -> str:
    name = properties.get("HostedRotationLambda", {}).get("RotationLambdaName", "hosted-rotation")
    return f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"


def _update_rotation(_id: str, _old: Properties, new: Properties) -> Created:
    return _create_rotation("", new)


def _delete_rotation(secret_id: str, _properties: Properties) -> None:
    _, record = secretsmanager._resolve(secret_id)
    if record is not None:  # the secret may have gone first
        record.update(RotationEnabled=False, RotationLambdaARN=None, RotationRules=None)


def _create_policy(_name: str, properties: Properties) -> Created:
    _put_policy(properties)
    return f"{properties['SecretId']}", {"Id": properties["SecretId"]}


def _put_policy(properties: Properties) -> None:
    policy: Any = properties["ResourcePolicy"]
    client("secretsmanager").put_resource_policy(
        SecretId=properties["SecretId"], ResourcePolicy=policy if isinstance(policy, str) else json.dumps(policy)
    )


def _update_policy(_id: str, _old: Properties, new: Properties) -> Created:
    return _create_policy("", new)


def _delete_policy(secret_id: str, _properties: Properties) -> None:
    client("secretsmanager").delete_resource_policy(SecretId=secret_id)


TYPES = {
    "AWS::SecretsManager::ResourcePolicy": ResourceType(
        create=_create_policy, update=_update_policy, delete=_delete_policy
    ),
    "AWS::SecretsManager::RotationSchedule": ResourceType(
        create=_create_rotation, update=_update_rotation, delete=_delete_rotation
    ),
}
