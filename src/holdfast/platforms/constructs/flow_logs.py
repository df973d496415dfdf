"""Who tried to reach whom in a network."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


class FlowLogs(Construct):
    """All traffic of `vpc`, accepted and rejected, in a log group of its own that goes with the stack.

    `key` has to admit CloudWatch Logs for `name` (`key.logs_may_use`).
    """

    def __init__(
        self, scope: Construct, id_: str, *, vpc: ec2.IVpc, name: str, retention: logs.RetentionDays, key: kms.IKey
    ) -> None:
        super().__init__(scope, id_)
        self.log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=name,
            retention=retention,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.flow_log = ec2.FlowLog(
            self,
            "Flow",
            resource_type=ec2.FlowLogResourceType.from_vpc(vpc),
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(self.log_group),
            traffic_type=ec2.FlowLogTrafficType.ALL,
        )
