"""The switch function with its state, its schedule, and the custom resource that makes what it moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import CustomResource, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from holdfast.platforms.constructs.acceptance import accept
from holdfast.platforms.constructs.aurora import AuroraCluster, log_retention
from holdfast.platforms.constructs.change_capture import ChangeCapture
from holdfast.platforms.constructs.function import FunctionShape, PythonFunction, Seat
from holdfast.platforms.constructs.queue import DeadLetterQueue
from holdfast.platforms.constructs.removal import data_removal
from holdfast.platforms.constructs.schedule import Timetable
from holdfast.platforms.constructs.table import ProtectedTable
from holdfast.platforms.payment_migration.grants import Things, adopt_rights, switch_rights
from holdfast.platforms.payment_migration.names import SIDES, Names
from holdfast.settings import variables as var
from holdfast.settings.payment_migration import Cutover, PaymentMigration

EVERY_MINUTE = "rate(1 minute)"


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What the function moves."""

    listener: elb.CfnListener
    groups: Mapping[str, elb.ApplicationTargetGroup]
    clusters: Mapping[str, AuroraCluster]
    capture: ChangeCapture


class Switch(Construct):
    """The function, invoked every minute; it owns live weights and parameters, and CloudFormation does not."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: PaymentMigration,
        names: Names,
        moved: Moved,
        seat: Seat,
        key: kms.IKey,
        tags: Mapping[str, str],
        bundle: Callable[[], Path],
    ) -> None:
        super().__init__(scope, id_)
        self._settings, self._names, self._moved, self._key = settings, names, moved, key
        self._shape = FunctionShape(
            code=lambda_.Code.from_asset(str(bundle())),
            architecture=lambda_.Architecture.ARM_64,
            key=key,
            log_days=log_retention(settings.cutover.log_days),
        )
        self.state = ProtectedTable(
            self,
            "State",
            name=names.state,
            partition_key="id",
            key=key,
            removal=data_removal(not settings.protected and settings.removal in (None, "destroy")),
            deletion_protection=settings.protected,
        ).table
        accept(self.state, "BAK009", "one item about now: an older one would tell the function of a cutover long ended")
        self.adopted = self._adopted(tags)
        self.lost = DeadLetterQueue(self, "Lost", name=f"{names.switch}-lost", key=key).queue
        self.function = self._function(seat)
        # A run that failed is repeated by the next minute's, sooner than a retry would be.
        self.function.retry_events(attempts=0, dead_letters=self.lost)
        self.schedule = Timetable(
            self,
            "Schedule",
            name=names.switch,
            description="Does what is due of a cutover, every minute",
            expression=EVERY_MINUTE,
            function=self.function.function,
            dead_letters=self.lost,
        )

    def _adopted(self, tags: Mapping[str, str]) -> CustomResource:
        names, stack = self._names, Stack.of(self)
        function = PythonFunction(
            self,
            "Adopt",
            shape=self._shape,
            name=names.adopt,
            handler="holdfast.cutover.adopt.handler",
            description="Makes the parameters and the weights' rule where they are missing; never writes over them",
            timeout_seconds=120,
            memory_mb=256,
            environment={},
            statements=adopt_rights(stack, names, self._moved.listener.ref),
        )
        adopted = CustomResource(
            self,
            "Adopted",
            resource_type="Custom::CutoverState",
            service_token=function.function.function_arn,
            properties={
                "ActiveParameter": names.active_parameter,
                "StatusParameter": names.status_parameter,
                "ListenerArn": self._moved.listener.ref,
                **{
                    f"{side.capitalize()}GroupArn": group.target_group_arn for side, group in self._moved.groups.items()
                },
                "Tags": [{"Key": name, "Value": value} for name, value in sorted(tags.items())],
            },
        )
        # The role and the log must still be there when the deletion runs.
        adopted.node.add_dependency(function.role, function.log_group)
        return adopted

    def _function(self, seat: Seat) -> PythonFunction:
        names, moved = self._names, self._moved
        return PythonFunction(
            self,
            "Switch",
            shape=self._shape,
            name=names.switch,
            handler="holdfast.cutover.handler.handler",
            description="Moves traffic and writes between blue and green, behind gates",
            timeout_seconds=round(self._settings.cutover.timeout.total_seconds()),
            memory_mb=self._settings.cutover.memory_mb,
            environment={**self._places(), **_terms(self._settings.cutover)},
            statements=switch_rights(
                Stack.of(self),
                Things(
                    names=names,
                    listener=moved.listener.ref,
                    parameter_groups=[str(one.resource.db_cluster_parameter_group_name) for one in self._clusters],
                    tasks=[task.ref for task in moved.capture.tasks],
                    state_table=self.state.table_arn,
                    key=self._key.key_arn,
                ),
            ),
            seat=seat,
        )

    @property
    def _clusters(self) -> list[AuroraCluster]:
        return [self._moved.clusters[side] for side in SIDES]

    def _places(self) -> dict[str, str]:
        moved, names = self._moved, self._names
        return {
            var.LISTENER_ARN: moved.listener.ref,
            var.BLUE_TG_ARN: moved.groups["blue"].target_group_arn,
            var.GREEN_TG_ARN: moved.groups["green"].target_group_arn,
            var.SSM_PARAM_NAME: self.adopted.get_att_string("ActiveParameter"),
            var.STATUS_PARAMETER: self.adopted.get_att_string("StatusParameter"),
            var.CUTOVER_TABLE: self.state.table_name,
            var.BLUE_CLUSTER: moved.clusters["blue"].cluster_id,
            var.GREEN_CLUSTER: moved.clusters["green"].cluster_id,
            var.BLUE_TASKS: f"{moved.capture.load.ref},{moved.capture.forward.ref}",
            var.GREEN_TASKS: moved.capture.backward.ref,
            var.REPLICATION_INSTANCE: names.stack,
            var.METRIC_NAMESPACE: names.namespace,
            var.WATCHED_ALARMS: ",".join(names.watched()),
        }


def switch_seat(vpc: ec2.IVpc, group: ec2.ISecurityGroup, subnets: list[ec2.ISubnet]) -> Seat:
    """Return the seat of the switch function: in the private subnets, reaching AWS through the endpoints alone."""
    return Seat(vpc=vpc, group=group, subnets=ec2.SubnetSelection(subnets=subnets))


def _terms(cutover: Cutover) -> dict[str, str]:
    seconds = {
        var.BAKE_SECONDS: cutover.bake,
        var.MAX_LAG_SECONDS: cutover.max_lag,
        var.HOLD_LIMIT_SECONDS: cutover.hold_limit,
        var.FREEZE_LIMIT_SECONDS: cutover.freeze_limit,
    }
    return {
        var.CUTOVER_STEPS: ",".join(map(str, cutover.steps)),
        var.MIN_HEALTHY_TARGETS: str(cutover.min_healthy),
        **{name: str(round(value.total_seconds())) for name, value in seconds.items()},
    }
