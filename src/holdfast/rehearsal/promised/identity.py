"""What a template promises of roles, keys, secrets and parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from holdfast.rehearsal import read_back_words as words
from holdfast.rehearsal.read_back_rows import Call, Deployed, Row, addressed, by_id, rows, tagged


def _attached(answer: Any, _it: Deployed) -> dict[str, str]:
    """Tell which database an attached secret names, by the host that attaching wrote into it."""
    host = json.loads(answer["SecretString"])["host"]
    kind = "DBCluster" if ".cluster-" in host else "DBInstance"
    return {"TargetId": host.partition(".")[0], "TargetType": f"AWS::RDS::{kind}"}


def _of_secret(operation: str, select: Callable[[Any, Deployed], Any] = lambda answer, _: answer) -> Call:
    """Return a call that names the secret a resource belongs to."""
    return Call(
        service="secretsmanager",
        operation=operation,
        parameters=lambda it: {SECRET_OF: it.properties[SECRET_OF]},
        select=select,
    )


def _policy_documents(it: Deployed) -> list[dict[str, Any]]:
    return [{"RoleName": role, "PolicyName": it.properties["PolicyName"]} for role in it.properties["Roles"]]


SECRET_OF = "SecretId"  # noqa: S105 - a property's name
SECRET = by_id("secretsmanager", "describe_secret", "SecretId")
ROTATION, POLICY = _of_secret("describe_secret"), _of_secret("get_resource_policy")
ATTACHED = _of_secret("get_secret_value", _attached)

IDENTITY: dict[str, list[Row]] = {
    "AWS::IAM::Policy": rows(
        Call(service="iam", operation="get_role_policy", parameters=_policy_documents),
        PolicyDocument="0.PolicyDocument",
        PolicyName="0.PolicyName",
        Roles=("", words.each("RoleName")),
    ),
    "AWS::IAM::Role": [
        *rows(
            by_id("iam", "get_role", "RoleName"),
            AssumeRolePolicyDocument="Role.AssumeRolePolicyDocument",
            Description="Role.Description",
            RoleName="Role.RoleName",
        ),
        *rows(
            by_id("iam", "list_attached_role_policies", "RoleName"),
            ManagedPolicyArns=("AttachedPolicies", words.each("PolicyArn")),
        ),
        *rows(
            Call(
                service="iam",
                operation="get_role_policy",
                parameters=lambda it: [
                    {"RoleName": it.physical_id, "PolicyName": one["PolicyName"]} for one in it.properties["Policies"]
                ],
            ),
            Policies="",
        ),
        *tagged(by_id("iam", "list_role_tags", "RoleName")),
    ],
    "AWS::KMS::Alias": rows(
        Call(service="kms", operation="list_aliases", parameters=lambda it: {"KeyId": it.properties["TargetKeyId"]}),
        TargetKeyId=("Aliases.0.TargetKeyId", *words.KEY),
        AliasName="Aliases.0.AliasName",
    ),
    "AWS::KMS::Key": [
        *rows(by_id("kms", "get_key_rotation_status", "KeyId"), EnableKeyRotation="KeyRotationEnabled"),
        *rows(
            Call(
                service="kms",
                operation="get_key_policy",
                parameters=lambda it: {"KeyId": it.physical_id, "PolicyName": "default"},
            ),
            KeyPolicy=("Policy", words.parsed),
        ),
        *rows(by_id("kms", "describe_key", "KeyId"), Description="KeyMetadata.Description"),
        *tagged(by_id("kms", "list_resource_tags", "KeyId"), "Tags", "TagKey", "TagValue"),
    ],
    "AWS::SSM::Parameter": [
        *rows(
            by_id("ssm", "get_parameter", "Name"), Name="Parameter.Name", Type="Parameter.Type", Value="Parameter.Value"
        ),
        *rows(
            Call(
                service="ssm",
                operation="describe_parameters",
                parameters=lambda it: {"ParameterFilters": [{"Key": "Name", "Values": [it.physical_id]}]},
            ),
            Description="Parameters.0.Description",
        ),
        *tagged(
            Call(
                service="ssm",
                operation="list_tags_for_resource",
                parameters=lambda it: {"ResourceType": "Parameter", "ResourceId": it.physical_id},
            ),
            "TagList",
        ),
    ],
    "AWS::SecretsManager::ResourcePolicy": [
        *rows(POLICY, ResourcePolicy=("ResourcePolicy", words.parsed)),
        *addressed(POLICY, SECRET_OF),
    ],
    "AWS::SecretsManager::RotationSchedule": [
        *rows(ROTATION, "RotationRules", "RotationLambdaARN"),
        *addressed(ROTATION, SECRET_OF),
    ],
    "AWS::SecretsManager::Secret": rows(
        SECRET, "Description", "Name", KmsKeyId=("KmsKeyId", *words.KEY), Tags=("Tags", *words.tags())
    ),
    "AWS::SecretsManager::SecretTargetAttachment": [
        *rows(ATTACHED, "TargetId", "TargetType"),
        *addressed(ATTACHED, SECRET_OF),
    ],
}
