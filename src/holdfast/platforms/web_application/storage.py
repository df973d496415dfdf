"""What the application keeps besides the database: objects and sessions, and the load balancer's logs."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from holdfast.platforms.constructs.bucket import SecureBucket
from holdfast.platforms.constructs.emptied_bucket import EmptiedBucket
from holdfast.platforms.constructs.load_balancer import let_load_balancers_log
from holdfast.platforms.constructs.table import ProtectedTable
from holdfast.platforms.web_application.keys import KeysStack
from holdfast.platforms.web_application.names import ACCESS_LOG_PREFIX
from holdfast.platforms.web_application.stack import ComponentStack
from holdfast.settings.quantities import days_of
from holdfast.settings.web_application import WebApplication

_UNFINISHED_UPLOAD_DAYS = 7
# STANDARD_IA bills 30 days at least: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html
_LEAST_IDLE_DAYS = 30


class StorageStack(ComponentStack):
    """Deployed after keys. In a destroyable environment the buckets are emptied before they go."""

    def __init__(self, scope: Construct, settings: WebApplication, *, keys: KeysStack) -> None:
        super().__init__(scope, "storage", settings=settings, description="Web application: objects, sessions, logs")
        self.key = keys.key
        self.objects = SecureBucket(
            self,
            "Objects",
            name=self.names.storage_bucket,
            key=self.key,
            removal=self.data_removal,
            lifecycle=self._lifecycle(),
        )
        self.logs = SecureBucket(
            self,
            "AccessLogs",
            name=self.names.log_bucket,
            key=None,
            removal=self.data_removal,
            lifecycle=self._log_lifecycle(),
        )
        let_load_balancers_log(self.logs.bucket, prefix=ACCESS_LOG_PREFIX)
        self.sessions = ProtectedTable(
            self,
            "Sessions",
            name=self.names.table,
            partition_key="sessionId",
            key=self.key,
            removal=self.data_removal,
            deletion_protection=settings.protected,
            contributor_insights=True,
        ).table
        if self.destroyable:
            self._empty_before_deletion()
        self.tell("BucketName", self.objects.bucket.bucket_name, "The application's objects")
        self.tell("TableName", self.sessions.table_name, "Sessions")
        self.tell("LogBucketName", self.logs.bucket.bucket_name, "The load balancer's access logs")

    def _empty_before_deletion(self) -> None:
        for id_, kind, bucket in (
            ("ObjectsEmptied", "storage-bucket", self.objects.bucket),
            ("AccessLogsEmptied", "log-bucket", self.logs.bucket),
        ):
            EmptiedBucket(self, id_, bucket=bucket, name=self.names.bucket_emptier(kind), log_key=self.key)

    def _lifecycle(self) -> list[s3.LifecycleRule]:
        """Return rules that never expire a current object; replaced ones get cheaper, then go."""
        storage = self.settings.storage
        kept, cold = days_of(storage.keep_versions), s3.StorageClass.INFREQUENT_ACCESS
        idle = storage.infrequent_access_after
        move = s3.NoncurrentVersionTransition(storage_class=cold, transition_after=Duration.days(_LEAST_IDLE_DAYS))
        return [
            s3.LifecycleRule(
                id="cost",
                transitions=[s3.Transition(storage_class=cold, transition_after=Duration.days(days_of(idle)))]
                if idle
                else None,
                noncurrent_version_transitions=[move] if kept >= 2 * _LEAST_IDLE_DAYS else None,
                noncurrent_version_expiration=Duration.days(kept),
                expired_object_delete_marker=True,
                abort_incomplete_multipart_upload_after=Duration.days(_UNFINISHED_UPLOAD_DAYS),
            )
        ]

    def _log_lifecycle(self) -> list[s3.LifecycleRule]:
        return [
            s3.LifecycleRule(
                id="expire",
                expiration=Duration.days(self.settings.storage.access_log_days),
                noncurrent_version_expiration=Duration.days(1),
                abort_incomplete_multipart_upload_after=Duration.days(_UNFINISHED_UPLOAD_DAYS),
            )
        ]
