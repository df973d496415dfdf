"""Settings of the platform `backup-archive`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from holdfast.settings.backup_engine import BackupSettings, Engine
from holdfast.settings.fields import BucketStem, Duration, Schedule, Section, conflict
from holdfast.settings.quantities import format_duration

# Each class is billed this long at least, and DEEP_ARCHIVE follows GLACIER no sooner than the former's minimum.
# Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
GLACIER_MINIMUM = timedelta(days=90)
DEEP_ARCHIVE_MINIMUM = timedelta(days=180)

USUAL_PREFIX = "arch"


class Cold(Section):
    """Where what prune removed waits for its end; nothing a kept snapshot needs is ever there."""

    glacier_after: Duration = Field(
        default=timedelta(days=60),
        description="How long after its removal a version moves to GLACIER: the promised retention or more.",
    )
    deep_archive_after: Duration | None = Field(
        default=timedelta(days=150),
        description="How long after its removal it moves on to DEEP_ARCHIVE, 90 days after GLACIER; null: never.",
    )

    @property
    def needs(self) -> timedelta:
        """How long a removed version has to be kept for the minimum storage of its last class to be used up."""
        if self.deep_archive_after is None:
            return self.glacier_after + GLACIER_MINIMUM
        return self.deep_archive_after + DEEP_ARCHIVE_MINIMUM


class Archive(Engine):
    """How backups are scheduled, run and stored."""

    schedule: Schedule = Field(
        default="cron(0 2,14 * * ? *)",
        description="When every user is backed up (UTC). Twice a day, so that the longest gap plus a run's own time "
        "stays within the promised RPO.",
    )
    keep_deleted: Duration = Field(
        default=timedelta(days=30), description="How long what prune removed can still be brought back. Whole days."
    )
    audit_retention: Duration = Field(
        default=timedelta(days=365), description="How long audit trail and access logs are kept. Whole days."
    )
    intelligent_tiering_after: Duration = Field(
        default=timedelta(days=1),
        description="When objects move to INTELLIGENT_TIERING, each of whose automatic tiers is read at once.",
    )
    cold: Cold | None = Field(
        default=None, description="GLACIER and DEEP_ARCHIVE for what prune removed; null: it stays where it is."
    )
    prefix: BucketStem = Field(
        default=USUAL_PREFIX,
        description="How names of buckets begin. `backup` gives the names a backup-vault of the same account, region "
        "and environment would claim too; another one lets two archives stand side by side.",
    )


class BackupArchive(BackupSettings):
    """The small form of the backup system: one daily schedule, Intelligent-Tiering, cold storage for what is past."""

    section: ClassVar[str] = "archive"
    platform: Literal["backup-archive"] = "backup-archive"
    archive: Archive = Field(default_factory=Archive, description="How backups are scheduled, run and stored.")

    @property
    def removed_turn_cold(self) -> bool:
        """Whether `archive.cold` is written."""
        return self.archive.cold is not None

    @model_validator(mode="after")
    def _lifecycle_is_valid(self) -> Self:
        _refuse_parts_of_days("archive.intelligent_tiering_after", self.archive.intelligent_tiering_after)
        cold = self.archive.cold
        if cold is None:
            return self
        _refuse_parts_of_days("archive.cold.glacier_after", cold.glacier_after)
        if cold.glacier_after < self.promises.retention:
            raise conflict(
                f"archive.cold.glacier_after must be promises.retention ({format_duration(self.promises.retention)}) "
                f"or more, or what was removed by mistake takes hours to read; "
                f"got {format_duration(cold.glacier_after)}"
            )
        deep = cold.deep_archive_after
        if deep is not None:
            _refuse_parts_of_days("archive.cold.deep_archive_after", deep)
            if deep < cold.glacier_after + GLACIER_MINIMUM:
                raise conflict(
                    f"archive.cold.deep_archive_after must be 90d or more after glacier_after "
                    f"({format_duration(cold.glacier_after)}), got {format_duration(deep)}"
                )
        if self.archive.keep_deleted < cold.needs:
            raise conflict(
                f"archive.keep_deleted must be {format_duration(cold.needs)} or more with archive.cold, or storage is "
                f"billed longer than it is used; got {format_duration(self.archive.keep_deleted)}"
            )
        return self


def _refuse_parts_of_days(key: str, value: timedelta) -> None:
    if value % timedelta(days=1):
        raise conflict(f"{key} must be whole days, got {value.total_seconds():.0f}s")
