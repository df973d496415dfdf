"""Settings of the platform `payment-migration`."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from holdfast.settings.databases import (
    Cidr,
    ClusterSection,
    DatabaseName,
    DatabasePromises,
    InstanceClass,
    LogDays,
    MysqlVersion,
    UserName,
    WeeklyWindow,
    check_room,
    check_zones,
)
from holdfast.settings.engine_versions import DEFAULT_MYSQL
from holdfast.settings.fields import (
    CertificateArn,
    Duration,
    HealthPath,
    Schedule,
    Section,
    between,
    check_region,
    conflict,
    matching,
    refuse,
)
from holdfast.settings.platform import PlatformSettings

ZONES = 3
SUBNET_BITS = 24

DMS_CERTIFICATE_PATTERN = r"arn:aws[a-z-]*:dms:[a-z0-9-]+:[0-9]{12}:cert:[A-Za-z0-9-]+"
DmsCertificateArn = Annotated[str, *matching(DMS_CERTIFICATE_PATTERN, "the ARN of a certificate imported into DMS")]
ReplicationClass = Annotated[
    str, *matching(r"dms\.[a-z][0-9][a-z]*\.[a-z0-9]+", "a DMS instance class, as in dms.r6i.large")
]
Phase = Annotated[str, *matching(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", "1 to 64 letters, digits, spaces, . _ and -")]

Log = Literal["audit", "error", "general", "slowquery"]
_LOGS: list[Log] = ["audit", "error", "general", "slowquery"]


def _steps(value: Any) -> Any:
    allowed = "whole percentages that increase from 1 or more and end with 100, as in [10, 50, 100]"
    if not isinstance(value, list) or not value or any(isinstance(n, bool) or not isinstance(n, int) for n in value):
        raise refuse(allowed)
    if value[0] < 1 or value[-1] != 100 or any(a >= b for a, b in pairwise(value)):
        raise refuse(allowed)
    return value


Steps = Annotated[
    list[int],
    BeforeValidator(_steps),
    WithJsonSchema({"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 100}, "minItems": 1}),
]


class Network(Section):
    """The VPC: a public and a private subnet in each of three zones, a NAT gateway in each."""

    cidr: Cidr = Field(default="10.60.0.0/16", description="Range of the VPC; its six subnets are /24.")

    @model_validator(mode="after")
    def _room(self) -> Self:
        check_room(self.cidr, subnets=2 * ZONES, bits=SUBNET_BITS, key="network.cidr")
        return self


class Traffic(Section):
    """The load balancer and what it forwards to. The applications are yours: register them with the target groups."""

    certificate: CertificateArn | None = Field(
        default=None, description="ACM certificate of the HTTPS listener. Without it the stack asks at deployment."
    )
    port: int = between(1, 65535, 8080, description="Port the applications listen on, plain HTTP.")
    health_path: HealthPath = Field(default="/health", description="Answers 200 when an application can serve.")


class Database(ClusterSection):
    """Both clusters, blue and green: the same engine, class, backups and logs."""

    engine_version: MysqlVersion = Field(default=DEFAULT_MYSQL, description="Version of Aurora MySQL on offer.")
    name: DatabaseName = Field(default="payments", description="Database made with each cluster, and replicated.")
    username: UserName = Field(default="admin", description="Name of the master user; applications use others.")
    instance_class: InstanceClass = Field(default="db.r6g.large", description="Class of every instance.")
    readers: int = between(0, 15, 1, description="Readers of each cluster, beside its writer.")
    maintenance_window: WeeklyWindow = Field(
        default="sun:05:00-sun:06:00", description="When AWS may patch and restart (UTC)."
    )
    logs: list[Log] = Field(default_factory=_LOGS.copy, description="Logs switched on and exported.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if "error" not in self.logs:
            raise conflict("database.logs must hold error: it says what a dead writer died of")
        return self


class Replication(Section):
    """The DMS instance and tasks that carry changes between the clusters."""

    instance_class: ReplicationClass = Field(default="dms.r6i.large", description="Class of the replication instance.")
    multi_az: bool = Field(default=True, description="A standby of the replication instance in another zone.")
    storage_gb: int = between(5, 6144, 100, description="Disk of the replication instance, GB.")
    certificate: DmsCertificateArn | None = Field(
        default=None,
        description="RDS's CA bundle as imported into DMS, for TLS. Without it the stack asks at deployment.",
    )
    service_roles: Literal["create", "existing"] = Field(
        default="create",
        description="The account's dms-vpc-role and dms-cloudwatch-logs-role: existing where it has them already.",
    )


class Cutover(Section):
    """How traffic and writes move; see docs/cutover.md."""

    steps: Steps = Field(
        default_factory=lambda: [10, 50, 100], description="Shares of traffic for the target, percent."
    )
    bake: Duration = Field(default=timedelta(minutes=10), description="How long each share is watched.")
    max_lag: Duration = Field(default=timedelta(seconds=10), description="Replication lag above which nothing moves.")
    min_healthy: int = between(1, 1000, 1, description="Healthy targets the target side must have.")
    hold_limit: Duration = Field(
        default=timedelta(hours=1), description="How long a step waits for replication before it rolls back."
    )
    freeze_limit: Duration = Field(
        default=timedelta(minutes=10), description="How long writes stand still at most before it rolls back."
    )
    memory_mb: int = between(256, 10240, 256, description="Memory of the switch function, MB.")
    timeout: Duration = Field(default=timedelta(seconds=60), description="Time of one run of the switch function.")
    log_days: LogDays = Field(default=90, description="How long the functions' logs are kept.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.bake < timedelta(minutes=1):
            raise conflict(f"cutover.bake must be 1m or more, got {self.bake.seconds}s: the function runs each minute")
        if self.freeze_limit < timedelta(minutes=5):
            raise conflict(
                f"cutover.freeze_limit must be 5m or more, got {self.freeze_limit.seconds}s: the fence takes a minute "
                "and dryness a measured minute after it"
            )
        if not timedelta(seconds=60) <= self.timeout <= timedelta(seconds=80):
            raise conflict(
                f"cutover.timeout must be 60s to 80s, got {self.timeout.seconds}s: a run ends before its lease of 120s"
            )
        return self


class Thresholds(Section):
    """Bounds of the alarms."""

    connections: int = between(1, 16000, 700, description="Connections to a writer; db.r6g.large allows 1000.")
    response_seconds: float = Field(
        default=1.0, gt=0, le=60, description="Response time of one request in twenty, seconds."
    )
    errors: int = between(1, 1_000_000, 10, description="5xx answers of one side within a minute.")
    lag_seconds: int = between(1, 86400, 60, description="Replication lag that rings, and rolls a cutover back.")


class Backup(Section):
    """AWS Backup of both clusters and the session table."""

    schedule: Schedule = Field(default="cron(30 1 * * ? *)", description="When the daily backup begins (UTC).")
    days: int = between(1, 36500, 7, description="How long recovery points are kept.")


class Migration(Section):
    """Where the migration as a whole stands."""

    phase: Phase = Field(default="blue-green", description="Value of the tag MigrationPhase.")
    cost_center: Phase = Field(default="Payments", description="Value of the tag CostCenter.")


class PaymentMigration(PlatformSettings):
    """Two Aurora MySQL clusters behind one weighted load balancer, and the cutover between them."""

    platform: Literal["payment-migration"] = "payment-migration"
    promises: DatabasePromises = Field(
        default_factory=DatabasePromises, description="What the owner of the data is promised."
    )
    network: Network = Field(default_factory=Network, description="Addresses of the network.")
    traffic: Traffic = Field(default_factory=Traffic, description="The load balancer.")
    database: Database = Field(default_factory=Database, description="Both clusters.")
    replication: Replication = Field(default_factory=Replication, description="What carries changes between them.")
    cutover: Cutover = Field(default_factory=Cutover, description="How traffic and writes move.")
    alarms: Thresholds = Field(default_factory=Thresholds, description="When alarms ring.")
    backup: Backup = Field(default_factory=Backup, description="Recovery points.")
    migration: Migration = Field(default_factory=Migration, description="Tags of the migration.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_zones(self.region, ZONES)
        for arn, key, advice in (
            (self.replication.certificate, "replication.certificate", "import it into DMS there"),
            (self.traffic.certificate, "traffic.certificate", "request one there"),
        ):
            check_region(arn, self.region, key=key, advice=advice)
        return self
