"""Settings of the platform `backup-vault`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from holdfast.settings.fields import (
    Account,
    BucketName,
    Duration,
    KeyArn,
    Prefix,
    Schedule,
    Section,
    TableName,
    between,
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


class Vault(Section):
    """How backups are scheduled, run, stored and guarded."""

    schedule: Schedule = Field(default="cron(0 2 * * ? *)", description="When every user is backed up (UTC).")
    interim_schedule: Schedule | None = Field(
        default="cron(0 14 * * ? *)",
        description="A second run, so that the longest gap plus a run's own time stays within the promised RPO.",
    )
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
    private_network: bool = Field(default=True, description="Functions run in a VPC without a way to the internet.")
    cross_account_access: bool | None = Field(
        default=None, description="Whether `trusted_accounts` may read the stored objects; by default, if any is named."
    )
    trusted_accounts: list[Account] = Field(default_factory=list, description="Accounts that may copy stored objects.")
    lock: Lock = Field(default_factory=Lock, description="S3 Object Lock.")
    keep_deleted: Duration = Field(
        default=timedelta(days=60), description="How long what prune removed can still be brought back. Whole days."
    )
    infrequent_access_after: Duration | None = Field(
        default=timedelta(days=30),
        description="When packs move to STANDARD_IA (read at once); null: never. 30 days or more.",
    )
    audit_retention: Duration = Field(
        default=timedelta(days=2555), description="How long audit trail and access logs are kept."
    )
    replication_time_control: bool = Field(
        default=True, description="S3 RTC: 99.99 % of objects replicate within 15 minutes."
    )
    architecture: Literal["arm64", "x86_64"] = Field(default="arm64", description="Processor of the functions.")
    worker_memory_mb: int = between(512, 10240, 2048, description="Memory of the worker, restore, verify and prune.")
    compliance: str | None = Field(
        default="SOC2-Type2", description="Value of the Compliance tag, set only if every control it names is built."
    )
    adopt: Adopt = Field(default_factory=Adopt, description="Retained keys to take over.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.cross_account_access and not self.trusted_accounts:
            raise conflict("vault.cross_account_access is true but vault.trusted_accounts is empty: name an account")
        if self.cross_account_access is False and self.trusted_accounts:
            raise conflict("vault.cross_account_access is false but vault.trusted_accounts is not empty: drop one")
        if self.source_key and not self.source_bucket:
            raise conflict("vault.source_key needs vault.source_bucket: the bucket the stack creates has its own key")
        idle = self.infrequent_access_after
        if idle and idle < timedelta(days=30):
            raise conflict(f"vault.infrequent_access_after must be 30d or more (S3's minimum), got {idle.days}d")
        return self


class BackupVault(PlatformSettings):
    """S3 backup system: schedule, dispatcher, queue, workers, deduplicating engine, second-region replica, audit."""

    platform: Literal["backup-vault"] = "backup-vault"
    vault: Vault = Field(default_factory=Vault, description="How backups are scheduled, run and guarded.")

    @property
    def destroyable(self) -> bool:
        """Whether data, logs and keys go with their stack: only if `removal: destroy` is written."""
        return self.removal == "destroy"

    @model_validator(mode="after")
    def _whole_days_and_locks(self) -> Self:
        day = timedelta(days=1)
        for key, value in (
            ("promises.retention", self.promises.retention),
            ("vault.keep_deleted", self.vault.keep_deleted),
            ("vault.audit_retention", self.vault.audit_retention),
        ):
            if value % day:
                raise conflict(f"{key} must be whole days, got {value.total_seconds():.0f}s")
        if self.destroyable and self.vault.lock.mode == "compliance":
            raise conflict("removal is destroy but vault.lock.mode is compliance: locked versions cannot be destroyed")
        return self
