"""The vault as a form of the backup system: two runs a day, Object Lock, other accounts, STANDARD_IA."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3

from holdfast.platforms.backup_system.figures import UNFINISHED_UPLOAD_DAYS
from holdfast.platforms.backup_system.form import Form, object_lock
from holdfast.platforms.backup_vault.claims import capabilities_of, tags_of
from holdfast.platforms.backup_vault.names import names_of
from holdfast.settings.backup_vault import BackupVault, Vault
from holdfast.settings.quantities import days_of


def form_of(settings: BackupVault) -> Form:
    """Return what the stacks build for these settings."""
    vault = settings.vault
    schedules = {"daily": vault.schedule, "prune": vault.prune_schedule, "verify": vault.verify_schedule}
    return Form(
        settings=settings,
        platform="backup-vault",
        names=lambda account, partition: names_of(settings, account, partition),
        title="Holdfast backup vault",
        tags=tags_of(settings),
        schedules=schedules | ({"interim": vault.interim_schedule} if vault.interim_schedule else {}),
        lifecycle=_lifecycle(vault),
        # With what S3 adds to small objects in STANDARD_IA.
        storage_types=("StandardStorage", "StandardIAStorage", "StandardIASizeOverhead"),
        capabilities=capabilities_of(settings),
        trusted_accounts=vault.trusted_accounts,
        private_network=vault.private_network,
        lock=object_lock(vault),
        stream=True,
    )


def _lifecycle(vault: Vault) -> list[s3.LifecycleRule]:
    """Return rules that never expire a current object: with deduplication, age says nothing about use.

    Retention is forget and prune. Lifecycle removes what prune has removed already (noncurrent versions), the
    delete markers left alone, and unfinished uploads. STANDARD_IA is read back at once; no archive class is used.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
    """
    kept = days_of(vault.keep_deleted)
    rules = [
        s3.LifecycleRule(
            id="backup-retention-policy",
            expired_object_delete_marker=True,
            noncurrent_version_expiration=Duration.days(kept),
            abort_incomplete_multipart_upload_after=Duration.days(UNFINISHED_UPLOAD_DAYS),
        )
    ]
    if vault.infrequent_access_after:
        idle, cold = days_of(vault.infrequent_access_after), s3.StorageClass.INFREQUENT_ACCESS
        rules.append(
            s3.LifecycleRule(
                id="transition-to-ia",
                transitions=[
                    s3.Transition(storage_class=s3.StorageClass.INFREQUENT_ACCESS, transition_after=Duration.days(idle))
                ],
                # STANDARD_IA bills 30 days at least, so a version that leaves sooner stays where it is.
                noncurrent_version_transitions=[
                    s3.NoncurrentVersionTransition(storage_class=cold, transition_after=Duration.days(idle))
                ]
                if kept >= idle + 30
                else None,
            )
        )
    return rules
