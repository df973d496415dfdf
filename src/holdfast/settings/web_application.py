"""Settings of the platform `web-application`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from holdfast.settings.databases import (
    Capacity,
    Cidr,
    ClusterSection,
    DatabaseName,
    DatabasePromises,
    LogDays,
    PostgresqlVersion,
    UserName,
    check_room,
    check_zones,
)
from holdfast.settings.engine_versions import DEFAULT_POSTGRESQL
from holdfast.settings.fargate import check_size
from holdfast.settings.fields import (
    CertificateArn,
    Duration,
    HealthPath,
    KeyArn,
    Percent,
    Schedule,
    Section,
    between,
    check_region,
    conflict,
    matching,
)
from holdfast.settings.platform import PlatformSettings

SUBNET_BITS = 24

# Default max_connections of Aurora PostgreSQL by the largest capacity.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html
_CONNECTIONS = {1: 189, 4: 823, 8: 1669, 16: 3360, 32: 5000}
_CONNECTIONS_IF_SMALL = 2000

IMAGE_PATTERN = (
    r"([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([a-z0-9][a-z0-9._/-]*)"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})"
)
_VAULT_PATTERN = r"arn:aws[a-z-]*:backup:[a-z0-9-]+:[0-9]{12}:backup-vault:[A-Za-z0-9_-]{2,50}"


Image = Annotated[
    str,
    *matching(
        IMAGE_PATTERN,
        "an image in ECR with a tag or digest, as in 123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1.4: "
        "other registries cannot be reached without NAT",
    ),
]
VaultArn = Annotated[str, *matching(_VAULT_PATTERN, "the ARN of an AWS Backup vault")]


class Network(Section):
    """The VPC: a public and a private subnet in each zone."""

    cidr: Cidr = Field(default="10.50.0.0/16", description="Range of the VPC; its subnets are /24.")
    zones: int = between(2, 3, 2, description="Availability zones, each with a public and a private subnet.")
    nat: bool = Field(
        default=False, description="A NAT gateway in each zone. Off: tasks reach AWS through endpoints alone."
    )

    @model_validator(mode="after")
    def _room(self) -> Self:
        check_room(self.cidr, subnets=2 * self.zones, bits=SUBNET_BITS, key="network.cidr")
        return self


class Application(Section):
    """The containers and how many of them run."""

    certificate: CertificateArn | None = Field(
        default=None, description="ACM certificate of the HTTPS listener. Without it the stack asks at deployment."
    )
    image: Image | None = Field(
        default=None, description="Image in ECR of the same region. Without it the stack asks at deployment."
    )
    port: int = between(1, 65535, 8080, description="Port the container listens on, plain HTTP.")
    health_path: HealthPath = Field(default="/health", description="Answers 200 when a container can serve.")
    cpu: int = between(256, 16384, 512, description="CPU units of a task, 1024 to the core.")
    memory: int = between(512, 122880, 1024, description="Memory of a task, MiB; Fargate's sizes for its CPU.")
    architecture: Literal["x86_64", "arm64"] = Field(default="x86_64", description="Processor the image is for.")
    min_tasks: int = between(2, 1000, 2, description="Tasks that always run, spread over the zones.")
    max_tasks: int = between(2, 1000, 6, description="Tasks that run at most.")
    cpu_percent: int = between(10, 90, 60, description="CPU that scaling holds the tasks at, in percent.")
    log_days: LogDays = Field(default=30, description="How long the logs of containers are kept.")
    environment: dict[str, str] = Field(
        default_factory=dict, description="Variables of the container. No secrets: they are readable in the template."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            check_size(self.cpu, self.memory)
        except ValueError as error:
            raise conflict(f"application.{error}") from error
        if self.max_tasks < self.min_tasks:
            raise conflict(
                f"application.max_tasks {self.max_tasks} is below application.min_tasks {self.min_tasks}: raise it"
            )
        return self


class Database(ClusterSection):
    """The Aurora PostgreSQL Serverless v2 cluster."""

    engine_version: PostgresqlVersion = Field(
        default=DEFAULT_POSTGRESQL, description="Version of Aurora PostgreSQL on offer."
    )
    name: DatabaseName = Field(default="application", description="Database made with the cluster.")
    username: UserName = Field(default="dbadmin", description="Name of the master user.")
    min_capacity: Capacity = Field(
        default=2.0, description="Smallest capacity of an instance, in ACU; Database Insights needs 2."
    )
    max_capacity: Capacity = Field(default=8.0, description="Largest capacity of an instance, in ACU (2 GiB each).")
    readers: int = between(1, 15, 1, description="Readers, one of which takes over when the writer fails.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max_capacity < max(1, self.min_capacity):
            raise conflict(
                f"database.max_capacity {self.max_capacity:g} must be 1 or more and not below "
                f"database.min_capacity {self.min_capacity:g}: raise it"
            )
        return self

    @property
    def connections(self) -> int:
        """How many connections the largest capacity surely allows; at most 2000 where the smallest is below 1."""
        most = max(limit for units, limit in _CONNECTIONS.items() if units <= self.max_capacity)
        return most if self.min_capacity >= 1 else min(most, _CONNECTIONS_IF_SMALL)


class Storage(Section):
    """The bucket of the application and the one of the load balancer's logs."""

    infrequent_access_after: Duration | None = Field(
        default=None,
        description="When objects move to STANDARD_IA, promised to 99% only; null: never. 30 days or more.",
    )
    keep_versions: Duration = Field(
        default=timedelta(days=90), description="How long a replaced or deleted object can be brought back. Whole days."
    )
    access_log_days: int = between(1, 3653, 90, description="How long the load balancer's logs are kept.")

    @model_validator(mode="after")
    def _days(self) -> Self:
        idle = self.infrequent_access_after
        if idle and idle < timedelta(days=30):
            raise conflict(f"storage.infrequent_access_after must be 30d or more (S3's minimum), got {idle.days}d")
        for key, value in (("infrequent_access_after", idle), ("keep_versions", self.keep_versions)):
            if value and value % timedelta(days=1):
                raise conflict(f"storage.{key} must be whole days, got {value.total_seconds():.0f}s")
        return self


class Backup(Section):
    """AWS Backup of the cluster and the table."""

    schedule: Schedule = Field(default="cron(0 6 * * ? *)", description="When recovery points are made (UTC).")
    days: int = between(1, 36500, 7, description="How long each recovery point is kept.")
    start_minutes: int = between(60, 10080, 60, description="A job that has not begun by then is over.")
    completion_minutes: int = between(120, 10080, 180, description="A job that has not ended by then is over.")
    copy_to: VaultArn | None = Field(
        default=None, description="Vault, in another region or account, that gets a copy of each recovery point."
    )

    @model_validator(mode="after")
    def _windows(self) -> Self:
        if self.completion_minutes < self.start_minutes + 60:
            raise conflict(
                f"backup.completion_minutes must be {self.start_minutes + 60} or more, 60 above "
                f"backup.start_minutes, got {self.completion_minutes}"
            )
        return self


class Thresholds(Section):
    """Bounds of the alarms."""

    response_seconds: float = Field(
        default=1.0, gt=0, le=60, description="Response time that 95 % of requests stay below, in seconds."
    )
    errors: int = between(1, 1_000_000, 10, description="Answers 5xx in five minutes, of tasks or balancer.")
    cpu_percent: int = between(1, 100, 80, description="CPU of the writer and of the tasks, in percent.")
    acu_percent: int = between(1, 100, 80, description="Share of the largest capacity in use, in percent.")
    connections_percent: int = between(1, 100, 75, description="Share of the possible connections in use, in percent.")


class Adopt(Section):
    """What an earlier deployment left behind; the stacks use it instead of making a new one."""

    key: KeyArn | None = Field(default=None, description="ARN of the retained key.")


class WebPromises(DatabasePromises):
    """The promises of the application and its data."""

    availability: Percent = Field(
        default=0.998, description="Share of time in which a request is served by application, database and storage."
    )


class WebApplication(PlatformSettings):
    """Load balancer, Fargate, Aurora PostgreSQL, sessions, bucket and AWS Backup in one region, a stack a component."""

    platform: Literal["web-application"] = "web-application"
    promises: WebPromises = Field(default_factory=WebPromises, description="What the owner of the data is promised.")
    network: Network = Field(default_factory=Network, description="The VPC.")
    application: Application = Field(default_factory=Application, description="The containers.")
    database: Database = Field(default_factory=Database, description="The cluster.")
    storage: Storage = Field(default_factory=Storage, description="The buckets.")
    backup: Backup = Field(default_factory=Backup, description="AWS Backup of cluster and table.")
    adopt: Adopt = Field(default_factory=Adopt, description="What to take over from an earlier deployment.")
    alarms: Thresholds = Field(default_factory=Thresholds, description="When alarms ring.")

    @property
    def connection_threshold(self) -> int:
        """Connections at which the alarm rings: a share of what the largest capacity allows."""
        return self.database.connections * self.alarms.connections_percent // 100

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_zones(self.region, self.network.zones)
        self._refuse_other_regions()
        return self

    def _refuse_other_regions(self) -> None:
        image = re.fullmatch(IMAGE_PATTERN, self.application.image or "")
        if image and image[2] != self.region:
            raise conflict(
                f"application.image is in {image[2]} but region is {self.region}: endpoints reach the region's own "
                "registry alone, so replicate the image"
            )
        check_region(
            self.application.certificate,
            self.region,
            key="application.certificate",
            advice="a load balancer takes certificates of its own region alone",
        )
        check_region(
            self.adopt.key,
            self.region,
            key="adopt.key",
            advice="a key encrypts in its own region alone; name one there",
        )
