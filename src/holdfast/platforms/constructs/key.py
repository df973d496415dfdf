"""A customer-managed key whose policy names every service that uses it."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class CustomerKey(Construct):
    """A rotating KMS key with an alias; the account's IAM policies and `statements` decide who uses it.

    Args:
        alias_removal: of the alias, where it differs: a key that stays only for the sake of old snapshots is found by
            its ARN, and an alias left behind would stop the next deployment.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        alias: str,
        statements: Sequence[iam.PolicyStatement],
        removal: RemovalPolicy,
        alias_removal: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, id_)
        root = iam.PolicyStatement(
            sid="EnableRootAccess", actions=["kms:*"], resources=["*"], principals=[iam.AccountRootPrincipal()]
        )
        self.key = kms.Key(
            self,
            "Key",
            description=alias,
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            policy=iam.PolicyDocument(statements=[root, *statements]),
            removal_policy=removal,
        )
        name = kms.Alias(self, "Alias", alias_name=f"alias/{alias}", target_key=self.key)
        name.apply_removal_policy(alias_removal or removal)


def use_by_service(
    sid: str, service: str, *, actions: Sequence[str], conditions: dict[str, dict[str, object]]
) -> iam.PolicyStatement:
    """Return a key-policy statement for an AWS service; `conditions` keep other accounts' resources out."""
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(service)],
        actions=list(actions),
        resources=["*"],
        conditions=conditions,
    )


def alarms_may_use(scope: Construct) -> iam.PolicyStatement:
    """Let CloudWatch alarms publish to a topic encrypted with the key; without it they fail in silence.

    Source: https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
    """
    return use_by_service(
        "AllowCloudWatchAlarms",
        "cloudwatch.amazonaws.com",
        actions=["kms:Decrypt", "kms:GenerateDataKey*"],
        conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
    )


def trail_may_use(scope: Construct, trail_arn: str) -> list[iam.PolicyStatement]:
    """Let one CloudTrail trail encrypt its log files with the key and describe it.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
    """
    stack = Stack.of(scope)
    any_trail = stack.format_arn(service="cloudtrail", region="*", resource="trail", resource_name="*")
    same_trail: dict[str, dict[str, object]] = {"StringEquals": {"aws:SourceArn": trail_arn}}
    return [
        use_by_service(
            "AllowCloudTrailEncrypt",
            "cloudtrail.amazonaws.com",
            actions=["kms:GenerateDataKey*"],
            conditions={**same_trail, "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": any_trail}},
        ),
        use_by_service(
            "AllowCloudTrailDescribe", "cloudtrail.amazonaws.com", actions=["kms:DescribeKey"], conditions=same_trail
        ),
    ]


def rules_may_use(rule_arns: Sequence[str]) -> iam.PolicyStatement:
    """Let named EventBridge rules put events they could not deliver into an encrypted dead-letter queue.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    return use_by_service(
        "AllowEventBridgeDeadLetters",
        "events.amazonaws.com",
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        conditions={"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
    )


def logs_may_use(scope: Construct, log_group_names: Sequence[str]) -> iam.PolicyStatement:
    """Let CloudWatch Logs of this region encrypt the named log groups.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    stack = Stack.of(scope)
    groups = [f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{name}" for name in log_group_names]
    return use_by_service(
        "AllowLogs",
        f"logs.{stack.region}.amazonaws.com",
        actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        conditions={"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def accounts_may_use_through_s3(scope: Construct, accounts: Sequence[str]) -> list[iam.PolicyStatement]:
    """Let each trusted account use the key, but only through S3 of this region; none for no account."""
    stack = Stack.of(scope)
    return [
        iam.PolicyStatement(
            sid=f"AllowTrustedAccount{account}",
            principals=[iam.AccountPrincipal(account)],
            actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:ReEncrypt*"],
            resources=["*"],
            conditions={"StringEquals": {"kms:ViaService": f"s3.{stack.region}.amazonaws.com"}},
        )
        for account in accounts
    ]
