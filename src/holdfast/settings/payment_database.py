"""Settings of the platform `payment-database`."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from holdfast.settings.databases import (
    Cidr,
    ClusterSection,
    DatabaseName,
    DatabasePromises,
    InstanceClass,
    PostgresqlVersion,
    UserName,
    check_room,
    check_user,
    check_zones,
)
from holdfast.settings.engine_versions import DEFAULT_POSTGRESQL
from holdfast.settings.fields import Schedule, Section, between, conflict
from holdfast.settings.instance_classes import local_storage_gib, memory_gib, postgresql_connections
from holdfast.settings.platform import PlatformSettings
from holdfast.settings.schedule import longest_gap, parse_schedule

ZONES = 3
SUBNET_BITS = 24
MOST_READERS = 15
_GIB = 1024**3
# CloudWatch evaluates an alarm over seven days at most; a job may be hours late.
# Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
_LONGEST_GAP = timedelta(days=6)


class Network(Section):
    """The network: a public and a private /24 in each of three zones."""

    cidr: Cidr = Field(default="10.0.0.0/16", description="Range of the VPC.")
    nat: bool = Field(
        default=False, description="A NAT gateway in each zone; the database needs none, endpoints serve it."
    )
    flow_logs: bool = Field(default=True, description="Who tried to reach whom, in CloudWatch Logs.")

    @model_validator(mode="after")
    def _room(self) -> Self:
        check_room(self.cidr, subnets=2 * ZONES, bits=SUBNET_BITS, key="network.cidr")
        return self


class Database(ClusterSection):
    """The cluster: its engine, size, backups and logs."""

    engine_version: PostgresqlVersion = Field(
        default=DEFAULT_POSTGRESQL, description="Version of Aurora PostgreSQL on offer."
    )
    instance_class: InstanceClass = Field(
        default="db.r6g.large", description="Class of every instance; burstable ones are for development alone."
    )
    name: DatabaseName | None = Field(default=None, description="Database made with the cluster.")
    username: UserName = Field(default="dbadmin", description="Name of the master user.")
    readers: int = between(0, MOST_READERS, 2, description="Readers, which take over from the writer in order.")
    most_readers: int | None = Field(
        default=None, ge=1, le=MOST_READERS, description="Readers are added up to this number; null: none are."
    )
    reader_cpu_percent: int = between(10, 90, 60, description="CPU of the readers at which another one is added.")
    proxy: bool = Field(default=False, description="An RDS Proxy, which pools connections and hides failovers.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_user("aurora-postgresql", self.username)
        if self.most_readers is not None and self.most_readers <= self.readers:
            raise conflict(
                f"database.most_readers {self.most_readers} must be above database.readers {self.readers}: raise it"
            )
        return self


class Copies(Section):
    """AWS Backup: recovery points of their own, copied to the second region."""

    schedule: Schedule | None = Field(
        default=None, description="When AWS Backup runs (UTC), as in cron(0 6 * * ? *); null: no copies."
    )
    days: int = between(1, 36500, 35, description="How long recovery points and their copies are kept.")

    @property
    def gap(self) -> timedelta | None:
        """The longest time between two backups; None without any."""
        return longest_gap([parse_schedule(self.schedule)]) if self.schedule else None

    @model_validator(mode="after")
    def _often_enough(self) -> Self:
        if self.schedule and (self.gap is None or self.gap > _LONGEST_GAP):
            raise conflict(
                f"copies.schedule {self.schedule} must run every {_LONGEST_GAP.days} days or more often:"
                " an alarm hears silence for a week at most"
            )
        return self


class Thresholds(Section):
    """Bounds of the alarms; those left out follow from the instance class."""

    cpu_percent: int = between(1, 100, 80, description="CPU of the writer, or of any reader, in percent.")
    local_storage_bytes: int | None = Field(
        default=None, ge=1, description="Space for temporary files; by default 10 GiB, or a quarter of what there is."
    )
    memory_percent: int = between(1, 90, 15, description="Memory that must stay free, in percent.")
    connections: int | None = Field(
        default=None, ge=1, le=262143, description="Connections to the writer; by default 75 % of the limit."
    )
    lag_milliseconds: int = between(1, 60_000, 1000, description="How far a reader may be behind.")


class PaymentDatabase(PlatformSettings):
    """Aurora PostgreSQL for payments: one writer, two readers, three zones, rotated credentials."""

    platform: Literal["payment-database"] = "payment-database"
    promises: DatabasePromises = Field(
        default_factory=DatabasePromises, description="What the owner of the data is promised."
    )
    network: Network = Field(default_factory=Network, description="Addresses and ways out.")
    database: Database = Field(default_factory=Database, description="The cluster.")
    copies: Copies = Field(default_factory=Copies, description="Backups in a second region.")
    alarms: Thresholds = Field(default_factory=Thresholds, description="When alarms ring.")
    dashboard: bool = Field(default=True, description="A dashboard of everything that is watched.")

    @property
    def storage_threshold(self) -> int:
        """Bytes of local storage below which the alarm rings: less than the class has."""
        there = local_storage_gib(self.database.instance_class)
        usual = 10 * _GIB if there is None else min(10 * _GIB, int(there * _GIB / 4))
        return self.alarms.local_storage_bytes or usual

    @property
    def memory_threshold(self) -> int:
        """Bytes of memory below which the alarm rings."""
        return int((memory_gib(self.database.instance_class) or 0) * _GIB * self.alarms.memory_percent / 100)

    @property
    def connection_threshold(self) -> int:
        """Connections to the writer at which the alarm rings, before a client is refused."""
        limit = postgresql_connections(self.database.instance_class) or 5000
        return self.alarms.connections or int(limit * 0.75)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_zones(self.region, ZONES)
        name = self.database.instance_class
        if memory_gib(name) is None:
            raise conflict(f"database.instance_class {name} has no known memory: choose one as db.r6g.large")
        there = local_storage_gib(name)
        if there is not None and self.storage_threshold >= there * _GIB:
            raise conflict(
                f"alarms.local_storage_bytes {self.storage_threshold} is not below the {there:g} GiB that {name} has:"
                " the alarm would always ring"
            )
        limit = postgresql_connections(name)
        if limit is not None and self.connection_threshold >= limit:
            raise conflict(
                f"alarms.connections {self.connection_threshold} is not below the {limit} that {name} allows:"
                " it would ring too late"
            )
        return self
