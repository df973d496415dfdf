"""The second region: the copy that outlives the first, its key, and the alarms on falling behind."""

from __future__ import annotations

from aws_cdk import CfnOutput
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from holdfast.platforms.backup_system.form import Form
from holdfast.platforms.backup_system.names import REPLICATION_RULE, REPOSITORY_PREFIX
from holdfast.platforms.backup_system.stack import BackupStack
from holdfast.platforms.constructs.alarms import Alarms, level_of
from holdfast.platforms.constructs.bucket import SecureBucket
from holdfast.platforms.constructs.key import CustomerKey, accounts_may_use_through_s3, alarms_may_use
from holdfast.platforms.constructs.replication import RTC_MINUTES
from holdfast.platforms.constructs.topic import NoticeTopic


class ReplicaStack(BackupStack):
    """Deployed before the primary stack, which finds the key through one SSM parameter."""

    def __init__(self, scope: Construct, form: Form) -> None:
        settings = form.settings
        super().__init__(
            scope,
            form,
            name=form.replica_stack,
            region=settings.replica_region,
            purpose="the copy in the second region",
        )
        self.accept_destruction("BAK006")
        self.key = self._key()
        self.bucket = SecureBucket(
            self,
            "ReplicationBucket",
            name=self.names.replica_bucket,
            key=self.key,
            removal=self.removal,
            lifecycle=form.lifecycle,
            lock=form.lock,
        )
        self.bucket.let_accounts_read(form.trusted_accounts, REPOSITORY_PREFIX)
        ssm.StringParameter(
            self,
            "ReplicaKeyParameter",
            parameter_name=self.names.replica_key_parameter,
            description="ARN of the key that encrypts the vault's copy",
            string_value=self.key.key_arn,
        )
        self._watch()
        CfnOutput(self, "ReplicationBucketArn", value=self.bucket.bucket.bucket_arn)
        CfnOutput(self, "ReplicationKeyArn", value=self.key.key_arn)

    def _key(self) -> kms.IKey:
        adopted = self.settings.engine.adopt.replica_key
        if adopted:
            return kms.Key.from_key_arn(self, "AdoptedKey", adopted)
        return CustomerKey(
            self,
            "ReplicationKey",
            alias=self.names.replica_key_alias,
            statements=[
                alarms_may_use(self),
                *accounts_may_use_through_s3(self, self.form.trusted_accounts),
            ],
            removal=self.removal,
        ).key

    def _watch(self) -> None:
        """Alarm on replication falling behind, here, because S3 publishes these metrics in the destination's region.

        No data is wrong too: S3 publishes them even when nothing replicates, and stops when the bucket is gone. (The
        first minutes of a new vault are such a silence: the alarm then also shows that its way to people works.)
        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html
        """
        names = self.names
        topic = NoticeTopic(
            self,
            "ReplicaNotices",
            name=names.replica_topic,
            display_name="Backup System Notifications",
            key=self.key,
            emails=self.settings.alerts,
        )
        alarms = Alarms(self, "Alarms", topic=topic.topic, prefix=names.stem, suffix=names.suffix)
        dimensions = {
            "SourceBucket": names.primary_bucket,
            "DestinationBucket": names.replica_bucket,
            "RuleId": REPLICATION_RULE,
        }
        alarms.add(
            "ReplicationLate",
            "replication-late",
            f"The copy is more than {RTC_MINUTES} minutes behind, or nothing is known of it. Look at the replication "
            "status of the newest objects in the primary bucket, and at both keys' policies.",
            level_of(
                "AWS/S3",
                "ReplicationLatency",
                dimensions,
                above=RTC_MINUTES * 60,
                periods=3,
                missing=cloudwatch.TreatMissingData.BREACHING,
            ),
        )
        alarms.add(
            "ReplicationPending",
            "replication-pending",
            "Objects have waited for replication for an hour without a pause. Look at the replication metrics.",
            level_of("AWS/S3", "OperationsPendingReplication", dimensions, above=0, periods=12),
        )
