"""What the switch function and the adopting function may do, on named resources wherever AWS can name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam

from holdfast.platforms.constructs.function import allow
from holdfast.platforms.payment_migration.names import Names

# These calls list, and AWS lets no resource be named for them.
# Sources: list_awselasticloadbalancingv2, list_awsdatabasemigrationservice and list_amazoncloudwatch in
# https://docs.aws.amazon.com/service-authorization/latest/reference/
LISTING = (
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetHealth",
    "dms:DescribeReplicationTasks",
    "cloudwatch:GetMetricData",
    # A narrower scope returns no composite alarm:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    "cloudwatch:DescribeAlarms",
)


@dataclass(frozen=True, kw_only=True)
class Things:
    """ARNs of what exists under no name of ours, and names of the rest."""

    names: Names
    listener: str
    parameter_groups: Sequence[str]
    tasks: Sequence[str]
    state_table: str
    key: str


def switch_rights(stack: Stack, things: Things) -> list[iam.PolicyStatement]:
    """Return the switch function's statements: it can move weights, fences and flows, and erase nothing."""
    names = things.names
    clusters = [_arn(stack, "rds", "cluster", names.cluster(side)) for side in ("blue", "green")]
    groups = [_arn(stack, "rds", "cluster-pg", name) for name in things.parameter_groups]
    key = allow("UseKeyForState", ["kms:Decrypt", "kms:DescribeKey"], [things.key])
    key.add_condition("StringEquals", {"kms:ViaService": f"dynamodb.{stack.region}.amazonaws.com"})
    return [
        iam.PolicyStatement(sid="Look", actions=list(LISTING), resources=["*"]),
        allow("Shift", ["elasticloadbalancing:ModifyListener"], [things.listener]),
        allow("ShiftRule", ["elasticloadbalancing:ModifyRule"], [_rules(stack, names)]),
        allow("Register", ["ssm:GetParameter", "ssm:PutParameter"], parameters(stack, names)),
        allow("Record", ["dynamodb:GetItem", "dynamodb:PutItem"], [things.state_table]),
        key,
        allow("ReadClusters", ["rds:DescribeDBClusters"], clusters),
        allow("Fence", ["rds:DescribeDBClusterParameters", "rds:ModifyDBClusterParameterGroup"], groups),
        allow("TurnFlow", ["dms:StartReplicationTask", "dms:StopReplicationTask"], list(things.tasks)),
    ]


def adopt_rights(stack: Stack, names: Names, listener: str) -> list[iam.PolicyStatement]:
    """Return the adopting function's statements: it makes, tags and removes its rule and its two parameters."""
    make = ["ssm:GetParameter", "ssm:PutParameter", "ssm:AddTagsToResource", "ssm:DeleteParameter"]
    change = [f"elasticloadbalancing:{word}" for word in ("DeleteRule", "AddTags")]
    return [
        iam.PolicyStatement(sid="Look", actions=["elasticloadbalancing:DescribeRules"], resources=["*"]),
        allow("MakeRule", ["elasticloadbalancing:CreateRule"], [listener]),
        allow("ChangeRule", change, [_rules(stack, names)]),
        allow("MakeParameters", make, parameters(stack, names)),
    ]


def parameters(stack: Stack, names: Names) -> list[str]:
    """Return the ARNs of both parameters."""
    both = (names.active_parameter, names.status_parameter)
    return [stack.format_arn(service="ssm", resource="parameter", resource_name=name.lstrip("/")) for name in both]


def _rules(stack: Stack, names: Names) -> str:
    """Return the ARNs that rules of the load balancer can have: its id, the listener's and the rule's are AWS's."""
    return stack.format_arn(
        service="elasticloadbalancing", resource="listener-rule/app", resource_name=f"{names.balancer}/*/*/*"
    )


def _arn(stack: Stack, service: str, kind: str, name: str) -> str:
    return stack.format_arn(
        service=service, resource=kind, resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
