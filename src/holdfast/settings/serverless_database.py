"""Settings of the platform `serverless-database`."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from holdfast.settings.databases import (
    Capacity,
    Cidr,
    ClusterSection,
    DatabaseName,
    DatabasePromises,
    LogDays,
    MysqlVersion,
    UserName,
    check_subnets,
    check_user,
    check_zones,
)
from holdfast.settings.engine_versions import DEFAULT_MYSQL
from holdfast.settings.fields import Duration, Schedule, Section, between, conflict
from holdfast.settings.instance_classes import serverless_connections
from holdfast.settings.platform import PlatformSettings

ZONES = 2


Log = Literal["error", "general", "slowquery", "audit"]
_LOGS: list[Log] = ["error", "general", "slowquery"]


class Network(Section):
    """Addresses of the network, which has no way to the internet."""

    cidr: Cidr = Field(default="10.30.0.0/16", description="Range of the VPC.")
    subnets: list[Cidr] = Field(
        default_factory=lambda: ["10.30.10.0/24", "10.30.20.0/24"], description="Two isolated subnets, one a zone."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_subnets(self.cidr, self.subnets, zones=ZONES, key="network.subnets")
        return self


class Database(ClusterSection):
    """The cluster: its engine, capacity, backups and logs."""

    engine_version: MysqlVersion = Field(default=DEFAULT_MYSQL, description="Version of Aurora MySQL on offer.")
    name: DatabaseName = Field(default="saasdb", description="Database made with the cluster.")
    username: UserName = Field(default="admin", description="Name of the master user.")
    min_capacity: Capacity = Field(
        default=2.0, description="Smallest capacity of an instance, in ACU; Database Insights needs 2."
    )
    max_capacity: Capacity = Field(default=4.0, description="Largest capacity of an instance, in ACU (2 GiB each).")
    readers: int = between(0, 15, 1, description="Readers, which scale with the writer and take over from it.")
    backup_days: int = between(1, 35, 5, description="How long every moment can be restored.")
    logs: list[Log] = Field(default_factory=_LOGS.copy, description="Logs switched on and exported.")
    log_days: LogDays = Field(default=7, description="How long exported logs are kept.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max_capacity < self.min_capacity:
            raise conflict(
                f"database.max_capacity {self.max_capacity:g} is below database.min_capacity {self.min_capacity:g}:"
                " raise it"
            )
        if self.max_capacity < 1:
            raise conflict("database.max_capacity must be 1 or more (Aurora's minimum), got 0.5")
        check_user("aurora-mysql", self.username)
        if len(set(self.logs)) != len(self.logs):
            raise conflict(f"database.logs names a log twice: {', '.join(self.logs)}; name each once")
        if "error" not in self.logs:
            raise conflict("database.logs must hold error: it says what a dead writer died of")
        return self

    @property
    def connections(self) -> int:
        """How many connections the largest capacity surely allows."""
        return serverless_connections(self.max_capacity)


class Thresholds(Section):
    """Bounds of the alarms; those left out follow from the capacity."""

    capacity: Capacity | None = Field(
        default=None, description="ACU at which the capacity alarm rings; by default 75 % of the largest."
    )
    acu_percent: int = between(1, 100, 80, description="Share of the largest capacity in use, in percent.")
    connections: int | None = Field(
        default=None, ge=1, le=16000, description="Connections to the writer; by default 100, or 75 % of the limit."
    )
    cpu_percent: int = between(1, 100, 75, description="CPU of the writer, in percent.")


class Export(Section):
    """Copies of the data in the bucket, as Parquet files."""

    schedule: Schedule | None = Field(
        default="cron(0 6 * * ? *)", description="When the cluster's data is exported (UTC); null: never."
    )
    days: int = between(1, 3650, 30, description="How long an export is kept.")


class ServerlessPromises(DatabasePromises):
    """The promises of a cluster whose backups are kept five days."""

    retention: Duration = Field(
        default=timedelta(days=5), description="Every moment younger than this can be restored. Whole days."
    )


class ServerlessDatabase(PlatformSettings):
    """Aurora MySQL Serverless v2: a writer and a reader in two zones, isolated, exported to a bucket, watched."""

    platform: Literal["serverless-database"] = "serverless-database"
    promises: ServerlessPromises = Field(
        default_factory=ServerlessPromises, description="What the owner of the data is promised."
    )
    network: Network = Field(default_factory=Network, description="Addresses of the network.")
    database: Database = Field(default_factory=Database, description="The cluster.")
    alarms: Thresholds = Field(default_factory=Thresholds, description="When alarms ring.")
    export: Export = Field(default_factory=Export, description="Copies of the data in a bucket.")

    @property
    def capacity_threshold(self) -> float:
        """ACU at which the capacity alarm rings."""
        return self.alarms.capacity or self.database.max_capacity * 0.75

    @property
    def connection_threshold(self) -> int:
        """Connections at which the alarm rings: below the limit, so that it rings before a client is refused."""
        return self.alarms.connections or min(100, int(self.database.connections * 0.75))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_zones(self.region, ZONES)
        least, most = self.database.min_capacity, self.database.max_capacity
        if self.alarms.capacity is not None and not least < self.alarms.capacity <= most:
            raise conflict(
                f"alarms.capacity must lie above database.min_capacity {least:g} and not above database.max_capacity"
                f" {most:g}, got {self.alarms.capacity:g}: elsewhere it always or never rings"
            )
        if self.connection_threshold >= self.database.connections:
            raise conflict(
                f"alarms.connections must be below {self.database.connections}, which {most:g} ACU allow, got"
                f" {self.connection_threshold}: it would ring too late"
            )
        return self
