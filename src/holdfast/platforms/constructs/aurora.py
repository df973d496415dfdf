"""An Aurora cluster with its network group, parameters, logs and monitoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aws_cdk import Duration, RemovalPolicies, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from holdfast.errors import InvalidRequest
from holdfast.platforms.constructs.credentials import (
    DatabaseCredentials,
    RotatedCredentials,
    RotationSeat,
    admit,
)
from holdfast.platforms.constructs.function import log_group_name
from holdfast.settings.databases import LOG_DAYS
from holdfast.settings.engine_versions import EngineVersion

PORTS = {"aurora-mysql": 3306, "aurora-postgresql": 5432}
MOST_READERS = 15

# What makes TLS the only way in. Sources: AuroraMySQL.Security.html and AuroraPostgreSQL.Security.html,
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/
_TLS_ONLY = {"aurora-mysql": {"require_secure_transport": "ON"}, "aurora-postgresql": {"rds.force_ssl": "1"}}

# What has to be switched on before a log is written; the error and postgresql logs always are.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Integrating.CloudWatch.html
_LOG_SWITCHES = {
    "general": {"general_log": "1"},
    "slowquery": {"slow_query_log": "1"},
    "audit": {"server_audit_logging": "1", "server_audit_events": "CONNECT,QUERY_DCL,QUERY_DDL"},
}


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """The range a serverless instance scales in, in Aurora capacity units (2 GiB of memory each)."""

    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class AuroraShape:
    """What a cluster is.

    Args:
        instance_class: as in `db.r6g.large`; None with `capacity`, and the other way round.
        instance_names: the writer's, then the readers'; by default the identifier with -1, -2, ...
        exported_logs: sent to CloudWatch and switched on: error, general, slowquery, audit, or postgresql.
        backup_window: UTC, as in 03:00-04:00.
        insights: mode of Database Insights; standard keeps 7 days, advanced 465 (15 months).
        monitoring_seconds: period of enhanced monitoring; 0 switches it off.
        protected: deletion protection.
        removal: SNAPSHOT leaves a last snapshot, which needs its key: `removal.key_removal`.
    """

    version: EngineVersion
    identifier: str
    readers: int
    instance_class: str | None = None
    capacity: Capacity | None = None
    instance_names: Sequence[str] = ()
    database: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    exported_logs: Sequence[str]
    log_days: logs.RetentionDays
    backup_days: int
    backup_window: str = "03:00-04:00"
    maintenance_window: str = "sun:04:00-sun:05:00"
    insights: Literal["standard", "advanced"] | None = "standard"
    monitoring_seconds: int = 60
    protected: bool
    removal: RemovalPolicy

    @property
    def port(self) -> int:
        """The engine's own port."""
        return PORTS[self.version.engine]

    @property
    def exported_groups(self) -> list[str]:
        """Names of the exported logs' groups."""
        return [f"/aws/rds/cluster/{self.identifier}/{log}" for log in self.exported_logs]

    @property
    def log_groups(self) -> list[str]:
        """Names of every log group of the cluster, which the key's policy has to admit (`key.logs_may_use`)."""
        return [*self.exported_groups, log_group_name(self.rotation_function)]

    @property
    def rotation_function(self) -> str:
        """Name of the function that rotates the master password, whose errors tell of a rotation that failed."""
        return f"{self.identifier}-rotation"

    @property
    def names(self) -> list[str]:
        """Names of the instances, the first writer's first."""
        return list(self.instance_names) or [f"{self.identifier}-{n}" for n in range(1, self.readers + 2)]


@dataclass(frozen=True, kw_only=True)
class ConnectInfo:
    """What a client needs: the endpoints, the port, the secret, the database and the group it has to be admitted by."""

    host: str
    reader_host: str
    port: int
    secret: secretsmanager.ISecret
    database: str | None
    group: ec2.ISecurityGroup


def log_retention(days: int) -> logs.RetentionDays:
    """Return what keeps logs `days` days.

    Raises:
        InvalidRequest: CloudWatch Logs knows no such period.
    """
    if days not in LOG_DAYS:
        raise InvalidRequest(f"log days must be one of {', '.join(map(str, LOG_DAYS))}, got {days}")
    return _RETENTION[days]


class AuroraCluster(Construct):
    """An encrypted cluster: one writer, `shape.readers` readers, TLS only, reached by admitted groups alone.

    The writer is made first (readers depend on it), so that tiers mean something; each exported log has a group with
    a retention that goes with the stack, and is switched on. `log_key` has to admit CloudWatch Logs.

    Raises:
        InvalidRequest: readers outside 0 to 15, neither or both of class and capacity, names that do not fit.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shape: AuroraShape,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        key: kms.IKey,
        credentials: DatabaseCredentials,
        log_key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, id_)
        _refuse_impossible(shape)
        self.shape, self._vpc, self._subnets, self._key, self._log_key = shape, vpc, list(subnets), key, log_key
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="Database: its named clients in, nothing out", allow_all_outbound=False
        )
        groups = [
            logs.LogGroup(
                self,
                f"{log.capitalize()}Log",
                log_group_name=name,
                retention=shape.log_days,
                encryption_key=log_key,
                removal_policy=RemovalPolicy.DESTROY,
            )
            for log, name in zip(shape.exported_logs, shape.exported_groups, strict=True)
        ]
        self.cluster = self._cluster(credentials)
        self.cluster.node.add_dependency(*groups)
        self._keep_what_it_stands_on()

    @property
    def resource(self) -> rds.CfnDBCluster:
        """The CloudFormation resource of the cluster."""
        child = self.cluster.node.find_child("Resource")
        assert isinstance(child, rds.CfnDBCluster)
        return child

    @property
    def cluster_id(self) -> str:
        """Reference to the cluster, for alarms and events, which then are made after it."""
        return self.cluster.cluster_identifier

    @property
    def instance_ids(self) -> list[str]:
        """References to the instances, the first writer's first."""
        return list(self.cluster.instance_identifiers)

    @property
    def connect_info(self) -> ConnectInfo:
        """What a client needs; the secret is the attached one, which holds host and port as well."""
        assert self.cluster.secret
        return ConnectInfo(
            host=self.cluster.cluster_endpoint.hostname,
            reader_host=self.cluster.cluster_read_endpoint.hostname,
            port=self.shape.port,
            secret=self.cluster.secret,
            database=self.shape.database,
            group=self.group,
        )

    def admit(self, client: ec2.ISecurityGroup, why: str) -> None:
        """Let the members of `client` connect; only groups are admitted, never addresses."""
        admit(client, self.group, self.shape.port, why)

    def rotate(
        self, *, subnets: Sequence[ec2.ISubnet], endpoint_group: ec2.ISecurityGroup | None, days: int = 30
    ) -> RotatedCredentials:
        """Rotate the master password every `days` days, by a function in `subnets`; see `RotatedCredentials`."""
        log = logs.LogGroup(
            self,
            "RotationLog",
            log_group_name=log_group_name(self.shape.rotation_function),
            retention=self.shape.log_days,
            encryption_key=self._log_key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        rotated = RotatedCredentials(
            self,
            "Rotated",
            cluster=self.cluster,
            database_group=self.group,
            port=self.shape.port,
            seat=RotationSeat(vpc=self._vpc, subnets=subnets, endpoint_group=endpoint_group),
            function_name=self.shape.rotation_function,
            days=days,
        )
        # Lambda makes a log group that never expires, unless there is one.
        rotated.schedule.node.add_dependency(log)
        return rotated

    def _cluster(self, credentials: DatabaseCredentials) -> rds.DatabaseCluster:
        shape = self.shape
        writer, *readers = [self._instance(tier, name) for tier, name in enumerate(shape.names)]
        return rds.DatabaseCluster(
            self,
            "Cluster",
            engine=_engine(shape.version),
            cluster_identifier=shape.identifier,
            credentials=credentials.for_cluster(),
            default_database_name=shape.database,
            port=shape.port,
            vpc=self._vpc,
            vpc_subnets=ec2.SubnetSelection(subnets=self._subnets),
            security_groups=[self.group],
            writer=writer,
            readers=readers,
            serverless_v2_min_capacity=shape.capacity.least if shape.capacity else None,
            serverless_v2_max_capacity=shape.capacity.most if shape.capacity else None,
            parameters=_parameters(shape),
            storage_encrypted=True,
            storage_encryption_key=self._key,
            backup=rds.BackupProps(retention=Duration.days(shape.backup_days), preferred_window=shape.backup_window),
            preferred_maintenance_window=shape.maintenance_window,
            copy_tags_to_snapshot=True,
            cloudwatch_logs_exports=list(shape.exported_logs),
            monitoring_interval=Duration.seconds(shape.monitoring_seconds) if shape.monitoring_seconds else None,
            database_insights_mode=_MODES[shape.insights] if shape.insights else None,
            performance_insight_encryption_key=self._key if shape.insights else None,
            performance_insight_retention=_INSIGHTS_DAYS[shape.insights] if shape.insights else None,
            deletion_protection=shape.protected,
            removal_policy=shape.removal,
        )

    def _instance(self, tier: int, name: str) -> rds.IClusterInstance:
        """Return an instance; failover looks for the lowest tier, and AWS keeps tiers 0 and 1 as large as the writer.

        Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.how-it-works.html
        """
        shape = self.shape
        shared: dict[str, Any] = {
            "instance_identifier": name,
            "publicly_accessible": False,
            "auto_minor_version_upgrade": not shape.version.long_term,
            "enable_performance_insights": shape.insights is not None,
            "performance_insight_encryption_key": self._key if shape.insights else None,
            "performance_insight_retention": _INSIGHTS_DAYS[shape.insights] if shape.insights else None,
        }
        id_ = f"Instance{tier + 1}"
        if shape.instance_class is None:
            # The first writer has no such switch: it is what the others scale with.
            return rds.ClusterInstance.serverless_v2(id_, scale_with_writer=tier > 0, **shared)
        kind = ec2.InstanceType(shape.instance_class.removeprefix("db."))
        return rds.ClusterInstance.provisioned(id_, instance_type=kind, promotion_tier=tier, **shared)

    def _keep_what_it_stands_on(self) -> None:
        """Keep the instances, groups and role of a cluster that stays; without them it neither runs nor is manageable.

        Its network has to stay as well, which is its owner's to say. Logs still go.
        """
        if self.shape.removal in (RemovalPolicy.RETAIN, RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE):
            RemovalPolicies.of(self).apply(
                self.shape.removal,
                exclude_resource_types=["AWS::Logs::LogGroup"],
                priority=200,
            )


_MODES = {
    "standard": rds.DatabaseInsightsMode.STANDARD,
    "advanced": rds.DatabaseInsightsMode.ADVANCED,
}
# Standard is free for 7 days; advanced demands 15 months.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_DatabaseInsights.html
_INSIGHTS_DAYS = {
    "standard": rds.PerformanceInsightRetention.DEFAULT,
    "advanced": rds.PerformanceInsightRetention.MONTHS_15,
}


# The CDK's members are in the order of the days, INFINITE last; a test compares each with its template.
_RETENTION = dict(zip(LOG_DAYS, logs.RetentionDays, strict=False))


def _engine(version: EngineVersion) -> rds.IClusterEngine:
    if version.engine == "aurora-mysql":
        mysql = rds.AuroraMysqlEngineVersion.of(version.version, version.major)
        return rds.DatabaseClusterEngine.aurora_mysql(version=mysql)
    postgresql = rds.AuroraPostgresEngineVersion.of(version.version, version.major)
    return rds.DatabaseClusterEngine.aurora_postgres(version=postgresql)


def _parameters(shape: AuroraShape) -> dict[str, str]:
    switches = [_LOG_SWITCHES.get(log, {}) for log in shape.exported_logs]
    found = dict(_TLS_ONLY[shape.version.engine])
    for switch in switches:
        found |= switch
    return {**found, **shape.parameters}


def _refuse_impossible(shape: AuroraShape) -> None:
    if not 0 <= shape.readers <= MOST_READERS:
        raise InvalidRequest(f"readers must be 0 to {MOST_READERS}, got {shape.readers}")
    if (shape.instance_class is None) == (shape.capacity is None):
        raise InvalidRequest(f"{shape.identifier} needs an instance class or a capacity, not both: name one")
    if len(shape.names) != shape.readers + 1:
        raise InvalidRequest(f"{shape.identifier} needs {shape.readers + 1} instance names, got {len(shape.names)}")
