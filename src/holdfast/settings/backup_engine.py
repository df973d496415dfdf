"""Settings that every backup platform shares: what its engine reads, when it runs and how it is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from holdfast.settings.fields import (
    BucketName,
    Duration,
    KeyArn,
    Prefix,
    Schedule,
    Section,
    TableName,
    between,
    check_region,
    conflict,
)
from holdfast.settings.platform import PlatformSettings


def _unquoted_off(value: Any) -> Any:
    """Undo YAML, which reads an unquoted off as false."""
    return "off" if value is False else value


class Lock(Section):
    """S3 Object Lock on backups, their replica and the audit trail."""

    mode: Annotated[Literal["governance", "compliance", "off"], BeforeValidator(_unquoted_off)] = Field(
        default="governance",
        description="governance: only s3:BypassGovernanceRetention ends a lock early; compliance: nothing does.",
    )
    days: int = between(1, 36500, 60, description="How long a stored version cannot be destroyed.")


class Adopt(Section):
    """Keys that an earlier deployment left behind; the stack uses them instead of making new ones."""

    primary_key: KeyArn | None = Field(default=None, description="ARN of the retained primary key.")
    replica_key: KeyArn | None = Field(default=None, description="ARN of the retained replication key.")


class Engine(Section):
    """How backups are scheduled, run and stored."""

    schedule: Schedule = Field(default="cron(0 2 * * ? *)", description="When every user is backed up (UTC).")
    prune_schedule: Schedule = Field(
        default="cron(0 5 * * ? *)", description="When old snapshots are forgotten and pruned."
    )
    verify_schedule: Schedule = Field(
        default="cron(0 6 ? * SUN *)", description="When a sample is restored and compared."
    )
    max_concurrent_backups: int = between(2, 1000, 10, description="Users backed up at the same time.")
    batch_size: int = between(1, 10, 1, description="Users one invocation of the worker takes.")
    priority_users: int = between(0, 1_000_000, 100, description="The first users, who are queued first.")
    source_bucket: BucketName | None = Field(
        default=None, description="Bucket with the users' files. Without it the stack creates one."
    )
    source_prefix: Prefix = Field(default="users/", description="Each folder below it is a user.")
    source_key: KeyArn | None = Field(default=None, description="KMS key of `source_bucket`, if it has its own.")
    users_table: TableName | None = Field(
        default=None, description="DynamoDB table of users (key userId). Without it the source's folders are the users."
    )
    lock: Lock = Field(default_factory=Lock, description="S3 Object Lock.")
    keep_deleted: Duration = Field(
        default=timedelta(days=60), description="How long what prune removed can still be brought back. Whole days."
    )
    audit_retention: Duration = Field(
        default=timedelta(days=2555), description="How long audit trail and access logs are kept."
    )
    replication_time_control: bool = Field(
        default=True, description="S3 RTC: 99.99 % of objects replicate within 15 minutes."
    )
    architecture: Literal["arm64", "x86_64"] = Field(default="arm64", description="Processor of the functions.")
    worker_memory_mb: int = between(512, 10240, 2048, description="Memory of the worker, restore, verify and prune.")
    adopt: Adopt = Field(default_factory=Adopt, description="Retained keys to take over.")


class BackupSettings(PlatformSettings):
    """A backup platform; its engine's keys are in the section called `section`."""

    section: ClassVar[str]

    @property
    def engine(self) -> Engine:
        """The engine's keys."""
        found = getattr(self, self.section)
        assert isinstance(found, Engine)
        return found

    @property
    def schedules(self) -> list[str]:
        """Every schedule on which all users are backed up."""
        return [self.engine.schedule]

    @property
    def removed_turn_cold(self) -> bool:
        """Whether what prune removed may wait for its end where it cannot be read at once."""
        return False

    @property
    def destroyable(self) -> bool:
        """Whether data, logs and keys go with their stack: only if `removal: destroy` is written."""
        return self.removal == "destroy"

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        for key, value in (
            ("promises.retention", self.promises.retention),
            (f"{self.section}.keep_deleted", self.engine.keep_deleted),
            (f"{self.section}.audit_retention", self.engine.audit_retention),
        ):
            if value % timedelta(days=1):
                raise conflict(f"{key} must be whole days, got {value.total_seconds():.0f}s")
        return self

    @model_validator(mode="after")
    def _key_has_its_bucket(self) -> Self:
        if self.engine.source_key and not self.engine.source_bucket:
            name = self.section
            raise conflict(
                f"{name}.source_key needs {name}.source_bucket: the bucket the stack creates has its own key"
            )
        return self

    @model_validator(mode="after")
    def _adopted_keys_are_here(self) -> Self:
        adopt, advice = self.engine.adopt, "a key encrypts in its own region alone; name one there"
        for arn, region, key in (
            (adopt.primary_key, self.region, "primary_key"),
            (adopt.replica_key, self.replica_region, "replica_key"),
        ):
            check_region(arn, region, key=f"{self.section}.adopt.{key}", advice=advice)
        return self

    @model_validator(mode="after")
    def _lock_lets_go(self) -> Self:
        if self.destroyable and self.engine.lock.mode == "compliance":
            raise conflict(
                f"removal is destroy but {self.section}.lock.mode is compliance: locked versions cannot be destroyed"
            )
        return self
