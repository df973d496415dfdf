"""The network of the functions, which has no way to the internet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_ec2 as ec2

from holdfast.platforms.constructs.function import Seat
from holdfast.platforms.constructs.network import IsolatedNetwork, pass_through

if TYPE_CHECKING:
    from holdfast.platforms.backup_system.primary import PrimaryStack


def function_seat(stack: PrimaryStack) -> Seat:
    """Build the network with an endpoint for every service its functions call, each passing only the vault's own.

    Metrics need none: functions print them to their log, from which CloudWatch takes them
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html).
    """
    network = IsolatedNetwork(stack, "Network", name=stack.stack_name)
    gateway, interface = ec2.GatewayVpcEndpointAwsService, ec2.InterfaceVpcEndpointAwsService
    source = stack.names.bucket_arn(stack.names.source_bucket)
    buckets = [stack.primary.bucket.bucket_arn, source, stack.restored.bucket.bucket_arn]
    network.reach_by_gateway(
        "S3", gateway.S3, [pass_through(stack, ["s3:*"], [*buckets, *(f"{one}/*" for one in buckets)])]
    )
    tables = [stack.metadata.table_arn, stack.deduplication.table_arn]
    if stack.settings.engine.users_table:
        tables.append(
            stack.format_arn(service="dynamodb", resource="table", resource_name=stack.settings.engine.users_table)
        )
    indexes = [f"{one}/index/*" for one in tables]
    network.reach_by_gateway("DynamoDb", gateway.DYNAMODB, [pass_through(stack, ["dynamodb:*"], [*tables, *indexes])])
    keys = [stack.key.key_arn, *([stack.settings.engine.source_key] if stack.settings.engine.source_key else [])]
    network.reach_by_interface("Kms", interface.KMS, [pass_through(stack, ["kms:*"], keys)])
    network.reach_by_interface("Sqs", interface.SQS, [pass_through(stack, ["sqs:*"], [stack.queue.queue_arn])])
    network.reach_by_interface("Sns", interface.SNS, [pass_through(stack, ["sns:Publish"], [stack.topic.topic_arn])])
    return Seat(vpc=network.vpc, group=network.function_group)
