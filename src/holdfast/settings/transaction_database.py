"""Settings of the platform `transaction-database`: the defaults of its template's parameters, and what it fixes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from holdfast.settings.databases import (
    Cidr,
    DailyWindow,
    DatabasePromises,
    LogDays,
    MysqlVersion,
    WeeklyWindow,
    check_subnets,
    check_windows,
    check_zones,
)
from holdfast.settings.engine_versions import DEFAULT_MYSQL
from holdfast.settings.fields import EnvironmentName, Section, between, conflict, matching
from holdfast.settings.instance_classes import mysql_connections
from holdfast.settings.platform import PlatformSettings

ZONES = 3
READERS = 2

InstanceClass = Literal[
    "db.r6g.large",
    "db.r6g.xlarge",
    "db.r6g.2xlarge",
    "db.r6g.4xlarge",
    "db.r5.large",
    "db.r5.xlarge",
    "db.r5.2xlarge",
]
DatabaseName = Annotated[str, *matching(r"[a-zA-Z][a-zA-Z0-9]{0,63}", "a letter, then up to 63 letters and digits")]
UserName = Annotated[str, *matching(r"[a-zA-Z][a-zA-Z0-9]{0,15}", "a letter, then up to 15 letters and digits")]


class Network(Section):
    """Addresses of the network, which has no way to the internet."""

    cidr: Cidr = Field(default="10.0.0.0/16", description="Range of the VPC.")
    subnets: list[Cidr] = Field(
        default_factory=lambda: ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"],
        description="Three private subnets, one a zone.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_subnets(self.cidr, self.subnets, zones=ZONES, key="network.subnets")
        return self


class Database(Section):
    """The cluster: its engine, class, backups, logs and rotation."""

    engine_version: MysqlVersion = Field(default=DEFAULT_MYSQL, description="Version of Aurora MySQL on offer.")
    instance_class: InstanceClass = Field(default="db.r6g.xlarge", description="Class of the three instances.")
    name: DatabaseName = Field(default="transactiondb", description="Database made with the cluster.")
    username: UserName = Field(default="admin", description="Name of the master user.")
    backup_days: int = between(7, 35, 7, description="How long every moment can be restored.")
    backup_window: DailyWindow = Field(default="03:00-04:00", description="When the daily backup begins (UTC).")
    maintenance_window: WeeklyWindow = Field(
        default="sun:04:00-sun:05:00", description="When AWS may patch and restart (UTC)."
    )
    general_log: bool = Field(
        default=True, description="Whether every statement is logged and exported; false spares its cost."
    )
    log_days: LogDays = Field(default=30, description="How long exported logs are kept.")
    rotation_days: int = between(1, 365, 30, description="Age at which the master password is changed.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_windows(self.backup_window, self.maintenance_window)
        return self


class Thresholds(Section):
    """Bounds of the alarms."""

    cpu_percent: int = between(1, 100, 80, description="CPU of an instance, in percent.")
    connections: int = Field(default=1000, ge=1, description="Connections to the writer, or to a reader.")
    replica_lag_ms: int = Field(default=1000, ge=100, description="How far a reader may be behind, in milliseconds.")


class TransactionDatabase(PlatformSettings):
    """Provisioned Aurora MySQL in three zones, as one CloudFormation file with parameters."""

    platform: Literal["transaction-database"] = "transaction-database"
    environment: EnvironmentName = Field(
        default="prod", description="Default of EnvironmentSuffix; HOLDFAST_ENVIRONMENT overrides it."
    )
    promises: DatabasePromises = Field(
        default_factory=DatabasePromises, description="What the owner of the data is promised."
    )
    network: Network = Field(default_factory=Network, description="Addresses of the network.")
    database: Database = Field(default_factory=Database, description="The cluster.")
    alarms: Thresholds = Field(default_factory=Thresholds, description="When alarms ring.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_zones(self.region, ZONES)
        limit = mysql_connections(self.database.instance_class)
        if limit is not None and self.alarms.connections >= limit:
            raise conflict(
                f"alarms.connections must be below {limit}, which {self.database.instance_class} allows, "
                f"got {self.alarms.connections}: it would never ring"
            )
        return self
