"""Change data capture between two MySQL clusters, both ways, by Database Migration Service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dms as dms
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from holdfast.platforms.constructs.aurora import AuroraCluster

# Roles of these names DMS looks for in the account: before it makes a subnet group, and before a task writes a log.
# Source: https://docs.aws.amazon.com/dms/latest/userguide/security-iam.html#CHAP_Security.APIRole
SERVICE_ROLES = {
    "dms-vpc-role": "AmazonDMSVPCManagementRole",
    "dms-cloudwatch-logs-role": "AmazonDMSCloudWatchLogsRole",
}

# What a source of changes has to write, and how.
# Source: https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Source.MySQL.html
BINARY_LOG = {"binlog_format": "ROW", "binlog_row_image": "full", "binlog_checksum": "NONE"}

_LOAD, _CHANGES = "full-load-and-cdc", "cdc"
_TASK_SETTINGS: dict[str, Any] = {
    "TargetMetadata": {"SupportLobs": True, "FullLobMode": True, "LobChunkSize": 64, "LimitedSizeLobMode": False},
    # The schema is there already, with its keys and indexes: DMS would make neither.
    "FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"},
    "Logging": {"EnableLogging": True},
    # A row that does not fit stops everything: a payment left out in silence is worse than a task that rings. What
    # arrives twice is written to awsdms_apply_exceptions and changes nothing.
    "ErrorBehavior": {
        "DataErrorPolicy": "STOP_TASK",
        "DataTruncationErrorPolicy": "STOP_TASK",
        "TableErrorPolicy": "STOP_TASK",
        "ApplyErrorInsertPolicy": "LOG_ERROR",
        "ApplyErrorUpdatePolicy": "LOG_ERROR",
        "ApplyErrorDeletePolicy": "IGNORE_RECORD",
        "FailOnNoTablesCaptured": False,
    },
    "ChangeProcessingDdlHandlingPolicy": {
        "HandleSourceTableAltered": False,
        "HandleSourceTableDropped": False,
        "HandleSourceTableTruncated": True,
    },
}


@dataclass(frozen=True, kw_only=True)
class CaptureShape:
    """What carries the changes.

    Args:
        name: of the replication instance, and the start of every task's and endpoint's.
        database: the one whose tables are carried.
        certificate_arn: RDS's CA bundle, imported into DMS; both ends are reached over TLS and verified by it.
    """

    name: str
    database: str
    instance_class: str
    multi_az: bool
    storage_gb: int
    certificate_arn: str


@dataclass(frozen=True, kw_only=True)
class Side:
    """One cluster by the name of its environment."""

    name: str
    cluster: AuroraCluster
    secret: secretsmanager.ISecret


class ChangeCapture(Construct):
    """Tasks that carry every change of one database from one cluster to the other, either way; none starts by itself.

    `load` fills the second side's tables and follows the first; `forward` and `backward` carry changes alone, from any
    time the binary log reaches back to. Only one direction may run at a time: each would send the other's changes back.
    `service_roles` makes the account's two roles for DMS, with this removal; None where the account has them.
    The clusters' parameter groups have to hold `BINARY_LOG`; DMS writes as their master users, through `read_only`.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shape: CaptureShape,
        sides: tuple[Side, Side],
        subnets: list[ec2.ISubnet],
        group: ec2.ISecurityGroup,
        key: kms.IKey,
        service_roles: RemovalPolicy | None,
        log_days: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, id_)
        self._shape, self._key, self._group = shape, key, group
        self._role = self._secrets_role(sides)
        self.log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=log_group_name(shape.name),
            retention=log_days,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.instance = self._instance(subnets, service_roles)
        first, second = sides
        for side in sides:
            side.cluster.admit(group, "replication")
        self.load = self._task("Load", _LOAD, first, second)
        self.forward = self._task("Forward", _CHANGES, first, second)
        self.backward = self._task("Backward", _CHANGES, second, first)

    @property
    def tasks(self) -> list[dms.CfnReplicationTask]:
        """All of them."""
        return [self.load, self.forward, self.backward]

    def _secrets_role(self, sides: tuple[Side, Side]) -> iam.Role:
        """Return the role with which DMS reads both secrets.

        Source: https://docs.aws.amazon.com/dms/latest/userguide/security_iam_secretsmanager.html
        """
        secrets = [side.secret.secret_arn for side in sides]
        return iam.Role(
            self,
            "SecretsRole",
            description="DMS reads the credentials of both clusters",
            assumed_by=iam.ServicePrincipal(f"dms.{Stack.of(self).region}.amazonaws.com"),
            inline_policies={
                "Rights": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            sid="ReadCredentials",
                            actions=["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
                            resources=secrets,
                        ),
                        iam.PolicyStatement(
                            sid="UseKey", actions=["kms:Decrypt", "kms:DescribeKey"], resources=[self._key.key_arn]
                        ),
                    ]
                )
            },
        )

    def _instance(self, subnets: list[ec2.ISubnet], service_roles: RemovalPolicy | None) -> dms.CfnReplicationInstance:
        shape = self._shape
        group = dms.CfnReplicationSubnetGroup(
            self,
            "Subnets",
            replication_subnet_group_identifier=shape.name,
            replication_subnet_group_description="Private subnets of the migration",
            subnet_ids=[subnet.subnet_id for subnet in subnets],
        )
        if service_roles:
            group.node.add_dependency(*self._service_roles(service_roles))
        return dms.CfnReplicationInstance(
            self,
            "Instance",
            replication_instance_identifier=shape.name,
            replication_instance_class=shape.instance_class,
            allocated_storage=shape.storage_gb,
            multi_az=shape.multi_az,
            kms_key_id=self._key.key_arn,
            publicly_accessible=False,
            auto_minor_version_upgrade=False,  # not in the middle of a migration
            replication_subnet_group_identifier=group.ref,
            vpc_security_group_ids=[self._group.security_group_id],
        )

    def _service_roles(self, removal: RemovalPolicy) -> list[iam.Role]:
        """Make the account's roles, which other stacks may come to need."""
        roles = [
            iam.Role(
                self,
                "".join(word.capitalize() for word in name.split("-")),
                role_name=name,
                description="Of the whole account, for DMS",
                assumed_by=iam.ServicePrincipal("dms.amazonaws.com"),
                managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(f"service-role/{policy}")],
            )
            for name, policy in SERVICE_ROLES.items()
        ]
        for role in roles:
            role.apply_removal_policy(removal)
        return roles

    def _task(self, id_: str, kind: str, source: Side, target: Side) -> dms.CfnReplicationTask:
        word = id_.lower()
        return dms.CfnReplicationTask(
            self,
            id_,
            replication_task_identifier=f"{self._shape.name}-{word}",
            migration_type=kind,
            replication_instance_arn=self.instance.ref,
            source_endpoint_arn=self._endpoint(source, "source").ref,
            target_endpoint_arn=self._endpoint(target, "target").ref,
            table_mappings=json.dumps({"rules": [_whole(self._shape.database)]}, sort_keys=True),
            replication_task_settings=json.dumps(_TASK_SETTINGS, sort_keys=True),
        )

    def _endpoint(self, side: Side, kind: str) -> dms.CfnEndpoint:
        """Return one end of a task; both tasks of a direction share theirs."""
        id_ = f"{side.name.capitalize()}{kind.capitalize()}"
        if found := self.node.try_find_child(id_):
            assert isinstance(found, dms.CfnEndpoint)
            return found
        endpoint = dms.CfnEndpoint(
            self,
            id_,
            endpoint_identifier=f"{self._shape.name}-{side.name}-{kind}",
            endpoint_type=kind,
            engine_name="aurora",
            # Rows arrive table by table, not in the order of foreign keys.
            extra_connection_attributes="initstmt=SET FOREIGN_KEY_CHECKS=0" if kind == "target" else None,
            kms_key_id=self._key.key_arn,
            ssl_mode="verify-ca",
            certificate_arn=self._shape.certificate_arn,
            my_sql_settings=dms.CfnEndpoint.MySqlSettingsProperty(
                secrets_manager_access_role_arn=self._role.role_arn, secrets_manager_secret_id=side.secret.secret_arn
            ),
        )
        endpoint.node.add_dependency(side.cluster)
        return endpoint


def log_group_name(instance: str) -> str:
    """Return where the tasks of a replication instance write their logs; the key's policy has to admit it."""
    return f"dms-tasks-{instance}"


def _whole(database: str) -> dict[str, Any]:
    return {
        "rule-type": "selection",
        "rule-id": "1",
        "rule-name": "whole-database",
        "object-locator": {"schema-name": database, "table-name": "%"},
        "rule-action": "include",
    }
