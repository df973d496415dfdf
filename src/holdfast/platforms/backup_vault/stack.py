"""What both stacks of the vault share."""

from __future__ import annotations

from aws_cdk import DefaultStackSynthesizer, Duration, Environment, Fn, Stack, Tags
from aws_cdk import aws_s3 as s3
from constructs import Construct

from holdfast.platforms.backup_vault.claims import tags_of
from holdfast.platforms.backup_vault.figures import UNFINISHED_UPLOAD_DAYS
from holdfast.platforms.backup_vault.names import VaultNames
from holdfast.platforms.constructs.bucket import ObjectLock
from holdfast.platforms.constructs.removal import data_removal
from holdfast.settings.backup_vault import BackupVault
from holdfast.settings.quantities import days_of


class VaultStack(Stack):
    """One region of the vault: names, tags, removal and lock as the settings say."""

    def __init__(self, scope: Construct, *, name: str, region: str, description: str, settings: BackupVault) -> None:
        super().__init__(
            scope,
            name,
            stack_name=name,
            description=description,
            env=Environment(account=settings.account, region=region),
            termination_protection=settings.protected,
            # The bootstrap's version is still checked by the deployer, from the assembly's manifest.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self.settings = settings
        self.names = VaultNames(settings=settings, account=self.account, partition=self.partition)
        self.removal = data_removal(settings.destroyable)
        for key, value in tags_of(settings).items():
            Tags.of(self).add(key, value)

    @property
    def availability_zones(self) -> list[str]:
        """Ask CloudFormation for the zones: the CDK would otherwise ask the account at synthesis."""
        return [Fn.select(index, Fn.get_azs()) for index in (0, 1)]

    @property
    def lock(self) -> ObjectLock | None:
        """The Object Lock of the settings."""
        lock = self.settings.vault.lock
        return None if lock.mode == "off" else ObjectLock(mode=lock.mode, days=lock.days)

    def repository_lifecycle(self) -> list[s3.LifecycleRule]:
        """Return rules that never expire a current object: with deduplication, age says nothing about use.

        Retention is forget and prune. Lifecycle removes what prune has removed already (noncurrent versions), the
        delete markers left alone, and unfinished uploads. STANDARD_IA is read back at once; no archive class is used.
        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
        """
        vault = self.settings.vault
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
                        s3.Transition(
                            storage_class=s3.StorageClass.INFREQUENT_ACCESS, transition_after=Duration.days(idle)
                        )
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

    def expiring_lifecycle(self, id_: str, days: int, *, noncurrent_days: int) -> list[s3.LifecycleRule]:
        """Return rules for logs and staging, which age does end."""
        return [
            s3.LifecycleRule(
                id=id_,
                expiration=Duration.days(days),
                noncurrent_version_expiration=Duration.days(noncurrent_days),
                abort_incomplete_multipart_upload_after=Duration.days(UNFINISHED_UPLOAD_DAYS),
            )
        ]
