"""The stack: network, key, credentials, cluster, export, alarms."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from holdfast.platforms.constructs.acceptance import accept
from holdfast.platforms.constructs.addressed_network import AddressedNetwork
from holdfast.platforms.constructs.aurora import AuroraShape, Capacity
from holdfast.platforms.constructs.bucket import SecureBucket
from holdfast.platforms.constructs.cluster_export import ClusterExport
from holdfast.platforms.constructs.emptied_bucket import EmptiedBucket
from holdfast.platforms.constructs.function import log_group_name
from holdfast.platforms.constructs.queue import DeadLetterQueue
from holdfast.platforms.constructs.removal import data_removal
from holdfast.platforms.database_stack import DatabaseStack, Seat
from holdfast.platforms.serverless_database.names import Names
from holdfast.platforms.serverless_database.watch import watch
from holdfast.settings.engine_versions import version_of
from holdfast.settings.serverless_database import ZONES, ServerlessDatabase

_PASSWORD_LENGTH = 30
_UNFINISHED_UPLOAD_DAYS = 7


class ServerlessStack(DatabaseStack):
    """The whole platform; a client is whoever wears the client group."""

    settings: ServerlessDatabase

    def __init__(self, scope: Construct, settings: ServerlessDatabase) -> None:
        super().__init__(
            scope, settings=settings, zones=ZONES, description="Aurora MySQL Serverless v2 for a SaaS product"
        )
        self.names = Names(settings=settings, account=self.account)
        self.network = AddressedNetwork(
            self,
            "Network",
            name=self.names.stack,
            cidr=settings.network.cidr,
            subnets=settings.network.subnets,
        )
        self.keep(self.network)
        shape = self._shape()
        self.key = self.make_key(self.names.key_alias, [*shape.log_groups, log_group_name(self.names.emptier)])
        self.topic = self.make_notices(self.names.topic, "Aurora Database Alarms", self.key)
        self.database = self.make_database(
            shape,
            Seat(network=self.network, subnets=self.network.subnets),
            key=self.key,
            secret=self.names.secret,
            username=settings.database.username,
            length=_PASSWORD_LENGTH,
            days=settings.database.rotation_days,
        )
        self.clients = self.make_clients(self.database, self.network)
        self.bucket = self._bucket()
        self.lost_exports = self._export(settings.export.schedule) if settings.export.schedule else None
        self.tell_events(self.database, self.topic)
        watch(self)
        self._outputs()

    def _shape(self) -> AuroraShape:
        database = self.settings.database
        return self.shape(
            database,
            version=version_of("aurora-mysql", database.engine_version),
            identifier=self.names.cluster,
            capacity=Capacity(least=database.min_capacity, most=database.max_capacity),
            database=database.name,
            exported_logs=database.logs,
        )

    def _bucket(self) -> s3.Bucket:
        bucket = SecureBucket(
            self,
            "Backups",
            name=self.names.bucket,
            key=None,
            removal=data_removal(self.destroyable),
            lifecycle=[
                s3.LifecycleRule(
                    id="expire",
                    expiration=Duration.days(self.settings.export.days),
                    noncurrent_version_expiration=Duration.days(1),
                    abort_incomplete_multipart_upload_after=Duration.days(_UNFINISHED_UPLOAD_DAYS),
                )
            ],
        ).bucket
        accept(bucket, "BAK006", "exports can be made again; the backups are Aurora's own, out of every role's reach")
        accept(bucket, "PRO004", "exports are kept export.days; the retention promised is that of the backups")
        if not self.settings.export.schedule:
            accept(bucket, "PRO009", "exports are switched off; those that are left are read by hand")
        if self.destroyable:
            emptied = EmptiedBucket(self, "Emptied", bucket=bucket, name=self.names.emptier, log_key=self.key)
            accept(emptied.role, "IAM003", "removal is destroy: the bucket is emptied when its stack is deleted")
        return bucket

    def _export(self, schedule: str) -> sqs.IQueue:
        """Export on schedule; return the queue of exports that could not be started."""
        lost = DeadLetterQueue(self, "LostExports", name=f"{self.names.export}-lost", key=self.key).queue
        export = ClusterExport(
            self,
            "Export",
            name=self.names.export,
            expression=schedule,
            cluster_arn=self.database.cluster.cluster_arn,
            bucket=self.bucket,
            key=self.key,
            dead_letters=lost,
        )
        accept(export.writer, "IAM003", "RDS exports need s3:DeleteObject*; only RDS can take the role")
        return lost

    def _outputs(self) -> None:
        info = self.database.connect_info
        self.tell("ClusterEndpoint", info.host, "Host name of the writer")
        self.tell("ClusterReadEndpoint", info.reader_host, "Host name of the readers")
        self.tell("SecretArn", info.secret.secret_arn, "Master credentials with host and port")
        self.tell("BackupBucketName", self.bucket.bucket_name, "Where exports go")
        self.tell("VpcId", self.network.vpc.vpc_id, "The isolated network")
        self.tell("AlarmTopicArn", self.topic.topic_arn, "Alarms and events of the database")
        self.tell("ClientSecurityGroupId", self.clients.security_group_id, "Wear it to be let in")
