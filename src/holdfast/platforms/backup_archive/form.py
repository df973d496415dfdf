"""The archive as a form of the backup system: one schedule, storage that tiers by itself, no archive class too soon."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3

from holdfast.platforms.backup_archive.claims import capabilities_of, tags_of
from holdfast.platforms.backup_archive.names import names_of
from holdfast.platforms.backup_system.figures import UNFINISHED_UPLOAD_DAYS
from holdfast.platforms.backup_system.form import Form, object_lock
from holdfast.settings.backup_archive import Archive, BackupArchive
from holdfast.settings.quantities import days_of

# What CloudWatch calls the tiers: https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
TIERS = ("IntelligentTieringFAStorage", "IntelligentTieringIAStorage", "IntelligentTieringAIAStorage")
COLD_TYPES = ("GlacierStorage", "DeepArchiveStorage")
QUEUE_DAYS = 14  # BK-20


def form_of(settings: BackupArchive) -> Form:
    """Return what the stacks build for these settings."""
    archive = settings.archive
    return Form(
        settings=settings,
        platform=settings.platform,
        names=lambda account, partition: names_of(settings, account, partition),
        title="Holdfast backup archive",
        tags=tags_of(settings),
        schedules={"daily": archive.schedule, "prune": archive.prune_schedule, "verify": archive.verify_schedule},
        lifecycle=_lifecycle(archive),
        storage_types=("StandardStorage", *TIERS, *(COLD_TYPES if archive.cold else ())),
        capabilities=capabilities_of(settings),
        deduplication_key="fileHash",
        deduplication_ttl="ttl",
        # A locked version could not be destroyed.
        lock=None if settings.destroyable else object_lock(archive),
        queue_days=QUEUE_DAYS,
        emptied=settings.destroyable,
    )


def _lifecycle(archive: Archive) -> list[s3.LifecycleRule]:
    """Return rules that never expire a current object: with deduplication, age says nothing about use.

    Retention is forget and prune. What they removed is a noncurrent version, which ends by age. Current objects are in
    INTELLIGENT_TIERING, whose three automatic tiers answer in milliseconds; its two archive tiers are opted into by a
    configuration that is not there.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intelligent-tiering-overview.html
    """
    return [
        s3.LifecycleRule(
            id="IntelligentTiering",
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                    transition_after=Duration.days(days_of(archive.intelligent_tiering_after)),
                )
            ],
        ),
        s3.LifecycleRule(
            id="Removed",
            expired_object_delete_marker=True,
            noncurrent_version_transitions=_cold(archive) or None,
            noncurrent_version_expiration=Duration.days(days_of(archive.keep_deleted)),
            abort_incomplete_multipart_upload_after=Duration.days(UNFINISHED_UPLOAD_DAYS),
        ),
    ]


def _cold(archive: Archive) -> list[s3.NoncurrentVersionTransition]:
    if archive.cold is None:
        return []
    moves = [(s3.StorageClass.GLACIER, archive.cold.glacier_after)]
    if archive.cold.deep_archive_after:
        moves.append((s3.StorageClass.DEEP_ARCHIVE, archive.cold.deep_archive_after))
    return [
        s3.NoncurrentVersionTransition(storage_class=kind, transition_after=Duration.days(days_of(after)))
        for kind, after in moves
    ]
