"""The key, the secret and its rotation. Pure; no CDK here."""

from __future__ import annotations

import json

from holdfast.platforms.transaction_database.network import SUBNETS
from holdfast.platforms.transaction_database.template import (
    Body,
    Resources,
    Tags,
    attribute,
    ref,
    resource,
    sub,
    suffixed,
)
from holdfast.settings.transaction_database import TransactionDatabase

# What HostedRotationLambda needs: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
# transform-aws-secretsmanager.html
TRANSFORM = "AWS::SecretsManager-2024-09-16"
# MY-39. RDS refuses / " @; the rotation function has to leave out the same.
EXCLUDED = '"@/\\'
PASSWORD_LENGTH = 32
ROTATION_FUNCTION = "aurora-mysql-rotation"


def secrets(settings: TransactionDatabase, tags: Tags, log_groups: list[str]) -> Resources:
    """Return the key with its alias, the secret attached to the cluster, and its rotation."""
    return {
        "KMSKey": _key(tags, log_groups, stays=settings.removal != "destroy"),
        "KMSKeyAlias": resource(
            "AWS::KMS::Alias",
            {"AliasName": sub("alias/aurora-mysql-${EnvironmentSuffix}"), "TargetKeyId": ref("KMSKey")},
        ),
        "DBPasswordSecret": resource(
            "AWS::SecretsManager::Secret",
            {
                "Name": suffixed("aurora-mysql-password"),
                "Description": "Master user: generated, attached to the cluster, rotated",
                "KmsKeyId": ref("KMSKey"),
                "GenerateSecretString": {
                    "SecretStringTemplate": sub(json.dumps({"username": "${DBMasterUsername}"})),
                    "GenerateStringKey": "password",
                    "PasswordLength": PASSWORD_LENGTH,
                    "ExcludeCharacters": EXCLUDED,
                    "RequireEachIncludedType": True,
                },
                "Tags": tags("aurora-mysql-password"),
            },
        ),
        "DBPasswordAttachment": resource(
            "AWS::SecretsManager::SecretTargetAttachment",
            {
                "SecretId": ref("DBPasswordSecret"),
                "TargetId": ref("AuroraCluster"),
                "TargetType": "AWS::RDS::DBCluster",
            },
        ),
        "DBPasswordRotation": _rotation(settings.database.rotation_days),
    }


def _rotation(days: int) -> Body:
    """Return the rotation by the function AWS hosts; it begins at once, so writer and endpoint are there before."""
    return resource(
        "AWS::SecretsManager::RotationSchedule",
        {
            "SecretId": ref("DBPasswordAttachment"),
            "RotationRules": {"ScheduleExpression": f"rate({days} day{'s' if days > 1 else ''})"},
            "HostedRotationLambda": {
                "RotationType": "MySQLSingleUser",
                "RotationLambdaName": suffixed(ROTATION_FUNCTION),
                "ExcludeCharacters": EXCLUDED,
                "KmsKeyArn": attribute("KMSKey", "Arn"),
                "VpcSecurityGroupIds": attribute("RotationSecurityGroup", "GroupId"),
                "VpcSubnetIds": {"Fn::Join": [",", SUBNETS]},
            },
        },
        DependsOn=["DBInstance1", "SecretsManagerEndpoint"],
    )


def _key(tags: Tags, log_groups: list[str], *, stays: bool) -> Body:
    policy = "Retain" if stays else "Delete"
    return resource(
        "AWS::KMS::Key",
        {
            "Description": sub("Aurora MySQL cluster, its secret, logs and notices (${EnvironmentSuffix})"),
            "EnableKeyRotation": True,
            "KeyPolicy": {"Version": "2012-10-17", "Statement": _statements(log_groups)},
            "Tags": tags("aurora-kms-key"),
        },
        DeletionPolicy=policy,
        UpdateReplacePolicy=policy,
    )


def _statements(log_groups: list[str]) -> list[Body]:
    here = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    groups = [
        sub(f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:{g}") for g in log_groups
    ]
    logs = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    publish = ["kms:Decrypt", "kms:GenerateDataKey*"]
    root = {
        "Sid": "EnableRootAccess",
        "Effect": "Allow",
        "Principal": {"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
        "Action": "kms:*",
        "Resource": "*",
    }
    return [
        root,
        _use("AllowRDS", "rds.amazonaws.com", ["kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"], here),
        _use("AllowAlarms", "cloudwatch.amazonaws.com", publish, here),
        _use("AllowDatabaseEvents", "events.rds.amazonaws.com", publish, here),
        _use(
            "AllowLogs",
            sub("logs.${AWS::Region}.amazonaws.com"),
            logs,
            {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": groups}},
        ),
    ]


def _use(sid: str, service: object, actions: list[str], condition: Body) -> Body:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": actions,
        "Resource": "*",
        "Condition": condition,
    }
