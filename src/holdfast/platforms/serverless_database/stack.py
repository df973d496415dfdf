"""The stack: network, key, credentials, cluster, export, alarms."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from holdfast.platforms.constructs.acceptance import accept
from holdfast.platforms.constructs.addressed_network import AddressedNetwork
from holdfast.platforms.constructs.aurora import AuroraCluster, AuroraShape, Capacity, log_retention
from holdfast.platforms.constructs.bucket import SecureBucket
from holdfast.platforms.constructs.cluster_export import ClusterExport
from holdfast.platforms.constructs.credentials import DatabaseCredentials, pass_secret
from holdfast.platforms.constructs.database_alarms import DatabaseEvents, database_events_may_use
from holdfast.platforms.constructs.emptied_bucket import EmptiedBucket
from holdfast.platforms.constructs.function import log_group_name
from holdfast.platforms.constructs.key import CustomerKey, alarms_may_use, logs_may_use
from holdfast.platforms.constructs.queue import DeadLetterQueue
from holdfast.platforms.constructs.removal import data_removal
from holdfast.platforms.constructs.topic import NoticeTopic
from holdfast.platforms.database_stack import DatabaseStack
from holdfast.platforms.serverless_database.names import Names
from holdfast.platforms.serverless_database.watch import watch
from holdfast.settings.engine_versions import version_of
from holdfast.settings.serverless_database import ZONES, ServerlessDatabase

_PASSWORD_LENGTH = 30
_UNFINISHED_UPLOAD_DAYS = 7


class ServerlessStack(DatabaseStack):
    """The whole platform; a client is whoever wears the client group."""

    def __init__(self, scope: Construct, settings: ServerlessDatabase) -> None:
        super().__init__(
            scope, settings=settings, zones=ZONES, description="Aurora MySQL Serverless v2 for a SaaS product"
        )
        self.settings, self.names = settings, Names(settings=settings, account=self.account)
        self.network = AddressedNetwork(
            self,
            "Network",
            name=self.names.stack,
            cidr=settings.network.cidr,
            subnets=settings.network.subnets,
        )
        self.keep(self.network)
        self.shape = self._shape()
        self.key = self._key()
        self.topic = NoticeTopic(
            self,
            "Alarms",
            name=self.names.topic,
            display_name="Aurora Database Alarms",
            key=self.key,
            emails=settings.alerts,
        ).topic
        self.database = self._database()
        self.clients = self._clients()
        self.bucket = self._bucket()
        self.lost_exports = DeadLetterQueue(self, "LostExports", name=f"{self.names.export}-lost", key=self.key).queue
        self._export()
        DatabaseEvents(
            self,
            "Events",
            topic=self.topic,
            name=self.names.cluster,
            cluster=self.database.cluster_id,
            instances=self.database.instance_ids,
        )
        watch(self)
        self._outputs()

    def _shape(self) -> AuroraShape:
        database = self.settings.database
        return AuroraShape(
            version=version_of("aurora-mysql", database.engine_version),
            identifier=self.names.cluster,
            readers=database.readers,
            capacity=Capacity(least=database.min_capacity, most=database.max_capacity),
            database=database.name,
            exported_logs=database.logs,
            log_days=log_retention(database.log_days),
            backup_days=database.backup_days,
            backup_window=database.backup_window,
            maintenance_window=database.maintenance_window,
            insights=None if database.insights == "none" else database.insights,
            monitoring_seconds=database.monitoring_seconds,
            protected=self.settings.protected,
            removal=self.removal,
        )

    def _key(self) -> kms.IKey:
        groups = [*self.shape.log_groups, log_group_name(self.names.emptier)]
        return CustomerKey(
            self,
            "Key",
            alias=self.names.key_alias,
            statements=[alarms_may_use(self), database_events_may_use(self), logs_may_use(self, groups)],
            removal=self.key_removal,
            alias_removal=self.leftover,
        ).key

    def _database(self) -> AuroraCluster:
        credentials = DatabaseCredentials(
            self,
            "Credentials",
            name=self.names.secret,
            username=self.settings.database.username,
            length=_PASSWORD_LENGTH,
            key=self.key,
            removal=self.leftover,
        )
        database = AuroraCluster(
            self,
            "Database",
            shape=self.shape,
            vpc=self.network.vpc,
            subnets=self.network.subnets,
            key=self.key,
            credentials=credentials,
            log_key=self.key,
        )
        endpoint = self.network.reach_by_interface(
            "SecretsManager", ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER, pass_secret(credentials.secret)
        )
        rotated = database.rotate(
            subnets=self.network.subnets,
            endpoint_group=self.network.endpoint_group,
            days=self.settings.database.rotation_days,
        )
        rotated.schedule.node.add_dependency(endpoint)
        return database

    def _clients(self) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "Clients",
            vpc=self.network.vpc,
            description="Whoever wears it may connect to the database and read its secret",
            allow_all_outbound=False,
        )
        self.database.admit(group, "a client of the database")
        self.network.endpoint_group.connections.allow_from(group, ec2.Port.tcp(443), "a client to Secrets Manager")
        return group

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
        if self.destroyable:
            emptied = EmptiedBucket(self, "Emptied", bucket=bucket, name=self.names.emptier, log_key=self.key)
            accept(emptied.role, "IAM003", "removal is destroy: the bucket is emptied when its stack is deleted")
        return bucket

    def _export(self) -> None:
        if self.settings.export.schedule:
            export = ClusterExport(
                self,
                "Export",
                name=self.names.export,
                expression=self.settings.export.schedule,
                cluster_arn=self.database.cluster.cluster_arn,
                bucket=self.bucket,
                key=self.key,
                dead_letters=self.lost_exports,
            )
            accept(export.writer, "IAM003", "RDS exports need s3:DeleteObject*; only RDS can take the role")

    def _outputs(self) -> None:
        info = self.database.connect_info
        self.tell("ClusterEndpoint", info.host, "Host name of the writer")
        self.tell("ClusterReadEndpoint", info.reader_host, "Host name of the readers")
        self.tell("SecretArn", info.secret.secret_arn, "Master credentials with host and port")
        self.tell("BackupBucketName", self.bucket.bucket_name, "Where exports go")
        self.tell("VpcId", self.network.vpc.vpc_id, "The isolated network")
        self.tell("AlarmTopicArn", self.topic.topic_arn, "Alarms and events of the database")
        self.tell("ClientSecurityGroupId", self.clients.security_group_id, "Wear it to be let in")
