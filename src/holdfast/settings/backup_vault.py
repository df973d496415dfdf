"""Settings of the platform `backup-vault`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from holdfast.settings.backup_engine import BackupSettings, Engine
from holdfast.settings.fields import Account, Duration, Schedule, conflict


class Vault(Engine):
    """How backups are scheduled, run, stored and guarded."""

    interim_schedule: Schedule | None = Field(
        default="cron(0 14 * * ? *)",
        description="A second run, so that the longest gap plus a run's own time stays within the promised RPO.",
    )
    private_network: bool = Field(default=True, description="Functions run in a VPC without a way to the internet.")
    cross_account_access: bool | None = Field(
        default=None, description="Whether `trusted_accounts` may read the stored objects; by default, if any is named."
    )
    trusted_accounts: list[Account] = Field(default_factory=list, description="Accounts that may copy stored objects.")
    infrequent_access_after: Duration | None = Field(
        default=timedelta(days=30),
        description="When packs move to STANDARD_IA (read at once); null: never. 30 days or more.",
    )
    compliance: str | None = Field(
        default="SOC2-Type2", description="Value of the Compliance tag, set only if every control it names is built."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.cross_account_access and not self.trusted_accounts:
            raise conflict("vault.cross_account_access is true but vault.trusted_accounts is empty: name an account")
        if self.cross_account_access is False and self.trusted_accounts:
            raise conflict("vault.cross_account_access is false but vault.trusted_accounts is not empty: drop one")
        idle = self.infrequent_access_after
        if idle and idle < timedelta(days=30):
            raise conflict(f"vault.infrequent_access_after must be 30d or more (S3's minimum), got {idle.days}d")
        return self


class BackupVault(BackupSettings):
    """S3 backup system: schedule, dispatcher, queue, workers, deduplicating engine, second-region replica, audit."""

    section: ClassVar[str] = "vault"
    platform: Literal["backup-vault"] = "backup-vault"
    vault: Vault = Field(default_factory=Vault, description="How backups are scheduled, run and guarded.")

    @property
    def schedules(self) -> list[str]:
        """The daily run and, if there is one, the interim run."""
        return [self.vault.schedule, *([self.vault.interim_schedule] if self.vault.interim_schedule else [])]
