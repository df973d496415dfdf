"""A cutover's world on the embedded AWS: load balancer, clusters, tasks, parameters and table, made by their APIs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any

from holdfast.cutover.environment import world_of
from holdfast.cutover.ports import Clock, World
from holdfast.cutover.state import Environment
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.settings import variables as var
from tests.support.emulator import HOME

NUMBERS = count(1)
METRICS = ("CDCLatencySource", "CDCLatencyTarget", "CDCIncomingChanges")


class AwsScene:
    """Everything of one cutover, under names of its own."""

    def __init__(self, aws: EmbeddedAws, clock: Clock) -> None:
        self.aws, self.clock, self.name = aws, clock, f"cut{next(NUMBERS)}"
        self.variables = {
            **self._load_balancer(),
            **self._databases(),
            var.SSM_PARAM_NAME: f"/{self.name}/active-environment",
            var.STATUS_PARAMETER: f"/{self.name}/migration-status",
            var.CUTOVER_TABLE: self._table(),
            var.WATCHED_ALARMS: f"{self.name}-green-5xx,{self.name}-lag",
        }
        self.client("ssm").put_parameter(Name=self.variables[var.SSM_PARAM_NAME], Value="blue", Type="String")
        for alarm in self.variables[var.WATCHED_ALARMS].split(","):
            self.alarm(alarm)
        self.world: World = world_of(self.variables, self.clients, clock, HOME)

    @property
    def clients(self) -> Any:
        return lambda service, region=None: self.client(service)

    def client(self, service: str) -> Any:
        return self.aws.client(service, HOME)

    def alarm(self, name: str, state: str | None = None) -> None:
        cloudwatch = self.client("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Test",
            MetricName="Errors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )
        if state:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")

    def measure(self, source: Environment, values: Mapping[str, float], at: datetime) -> None:
        arns = self.variables[var.BLUE_TASKS if source is Environment.BLUE else var.GREEN_TASKS].split(",")
        data = [
            {"MetricName": name, "Dimensions": self._dimensions(arn), "Timestamp": at, "Value": value}
            for name, value in values.items()
            for arn in arns
        ]
        self.client("cloudwatch").put_metric_data(Namespace="AWS/DMS", MetricData=data)

    def _dimensions(self, arn: str) -> list[dict[str, str]]:
        return [
            {"Name": "ReplicationInstanceIdentifier", "Value": self.variables[var.REPLICATION_INSTANCE]},
            {"Name": "ReplicationTaskIdentifier", "Value": arn.rsplit(":", 1)[-1]},
        ]

    def load(self) -> None:
        """Start the task that loads green, as an operator does once."""
        arn = self.variables[var.BLUE_TASKS].split(",")[0]
        self.client("dms").start_replication_task(ReplicationTaskArn=arn, StartReplicationTaskType="start-replication")

    def tasks(self) -> dict[str, str]:
        found = self.client("dms").describe_replication_tasks()["ReplicationTasks"]
        mine = f"{self.name}-"
        return {
            one["ReplicationTaskIdentifier"].removeprefix(mine): one["Status"]
            for one in found
            if one["ReplicationTaskIdentifier"].startswith(mine)
        }

    def register_target(self, environment: Environment, address: str) -> None:
        group = self.variables[var.BLUE_TG_ARN if environment is Environment.BLUE else var.GREEN_TG_ARN]
        self.client("elbv2").register_targets(TargetGroupArn=group, Targets=[{"Id": address, "Port": 80}])

    def _load_balancer(self) -> dict[str, str]:
        elb = self.client("elbv2")
        balancer = elb.create_load_balancer(Name=self.name, Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
        groups = [
            elb.create_target_group(Name=f"{self.name}-{side}", Protocol="HTTP", Port=80, TargetType="ip")
            for side in Environment
        ]
        blue, green = (one["TargetGroups"][0]["TargetGroupArn"] for one in groups)
        forward = _forward({blue: 100, green: 0})
        listener = elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[forward]
        )["Listeners"][0]["ListenerArn"]
        path = [{"Field": "path-pattern", "Values": ["/*"]}]
        elb.create_rule(ListenerArn=listener, Priority=1, Conditions=path, Actions=[_forward({blue: 100, green: 0})])
        return {var.LISTENER_ARN: listener, var.BLUE_TG_ARN: blue, var.GREEN_TG_ARN: green}

    def _databases(self) -> dict[str, str]:
        rds, dms = self.client("rds"), self.client("dms")
        for side in Environment:
            rds.create_db_cluster_parameter_group(
                DBClusterParameterGroupName=f"{self.name}-{side}",
                DBParameterGroupFamily="aurora-mysql8.0",
                Description=".",
            )
            rds.create_db_cluster(
                DBClusterIdentifier=f"{self.name}-{side}",
                Engine="aurora-mysql",
                DBClusterParameterGroupName=f"{self.name}-{side}",
                MasterUsername="admin",
                MasterUserPassword="not-a-secret",
            )
            rds.create_db_instance(
                DBInstanceIdentifier=f"{self.name}-{side}-1",
                DBClusterIdentifier=f"{self.name}-{side}",
                DBInstanceClass="db.r6g.large",
                Engine="aurora-mysql",
            )
        return {
            var.BLUE_CLUSTER: f"{self.name}-blue",
            var.GREEN_CLUSTER: f"{self.name}-green",
            var.BLUE_TASKS: f"{self._task(dms, 'load')},{self._task(dms, 'blue-to-green')}",
            var.GREEN_TASKS: self._task(dms, "green-to-blue"),
            var.REPLICATION_INSTANCE: self.name,
        }

    def _task(self, dms: Any, name: str) -> str:
        arn = "arn:aws:dms:us-east-1:123456789012:{}:" + self.name.upper()
        task = dms.create_replication_task(
            ReplicationTaskIdentifier=f"{self.name}-{name}",
            SourceEndpointArn=arn.format("endpoint"),
            TargetEndpointArn=arn.format("endpoint"),
            ReplicationInstanceArn=arn.format("rep"),
            MigrationType="cdc",
            TableMappings=json.dumps({"rules": []}),
        )["ReplicationTask"]
        return str(task["ReplicationTaskArn"])

    def _table(self) -> str:
        self.client("dynamodb").create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return self.name


def _forward(weights: Mapping[str, int]) -> dict[str, Any]:
    members = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    stickiness = {"Enabled": False}
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": members, "TargetGroupStickinessConfig": stickiness}}
