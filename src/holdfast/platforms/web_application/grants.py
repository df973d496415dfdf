"""What the application's containers may do: read and write its own data, and read its own credentials."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from holdfast.platforms.constructs.function import allow

OBJECT_ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket")
TABLE_ACTIONS = (
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)
SECRET_ACTIONS = ("DescribeSecret", "GetSecretValue")
_KEY_ACTIONS = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


def task_rights(
    stack: Stack, *, bucket_arn: str, table_arn: str, secret_arn: str, key_arn: str
) -> list[iam.PolicyStatement]:
    """Return the task role's statements; the key is used through the services that hold the data, never directly.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    through = [f"{service}.{stack.region}.amazonaws.com" for service in ("dynamodb", "s3", "secretsmanager")]
    *objects, listing = OBJECT_ACTIONS
    key = allow("UseKey", list(_KEY_ACTIONS), [key_arn])
    key.add_condition("StringEquals", {"kms:ViaService": through})
    return [
        allow("Objects", objects, [f"{bucket_arn}/*"]),
        allow("ListObjects", [listing], [bucket_arn]),
        allow("Sessions", list(TABLE_ACTIONS), [table_arn]),
        allow("Credentials", [f"secretsmanager:{action}" for action in SECRET_ACTIONS], [secret_arn]),
        key,
    ]
