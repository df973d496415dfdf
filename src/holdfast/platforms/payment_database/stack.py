"""The stack: network, key, credentials, cluster, its optional parts, alarms."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from holdfast.platforms.constructs.aurora import AuroraCluster, AuroraShape, log_retention
from holdfast.platforms.constructs.backup_notices import BackupNotices, backup_may_use
from holdfast.platforms.constructs.backup_plan import BackupNames, BackupPlan, BackupShape
from holdfast.platforms.constructs.credentials import DatabaseCredentials, pass_secret
from holdfast.platforms.constructs.database_alarms import DatabaseEvents, database_events_may_use
from holdfast.platforms.constructs.database_dashboard import DatabaseDashboard
from holdfast.platforms.constructs.database_proxy import DatabaseProxy
from holdfast.platforms.constructs.flow_logs import FlowLogs
from holdfast.platforms.constructs.key import CustomerKey, alarms_may_use, logs_may_use
from holdfast.platforms.constructs.public_network import PublicNetwork, PublicNetworkShape
from holdfast.platforms.constructs.reader_scaling import ReaderScaling
from holdfast.platforms.constructs.removal import data_removal
from holdfast.platforms.constructs.topic import NoticeTopic
from holdfast.platforms.database_stack import DatabaseStack
from holdfast.platforms.payment_database.names import Names
from holdfast.platforms.payment_database.watch import watch
from holdfast.settings.engine_versions import version_of
from holdfast.settings.payment_database import SUBNET_BITS, ZONES, PaymentDatabase

_PASSWORD_LENGTH = 32


class PaymentStack(DatabaseStack):
    """The whole platform in its first region; a client is whoever wears the client group."""

    def __init__(self, scope: Construct, settings: PaymentDatabase) -> None:
        super().__init__(
            scope, settings=settings, zones=ZONES, description="Aurora PostgreSQL for payments, in three zones"
        )
        self.settings, self.names = settings, Names(suffix=settings.environment)
        self.network = self._network()
        self.shape = self._shape()
        self.key = self._key()
        self.topic = NoticeTopic(
            self,
            "Alarms",
            name=self.names.of("alarms"),
            display_name="Payment Database Alarms",
            key=self.key,
            emails=settings.alerts,
        ).topic
        self.database = self._database()
        self.clients = self._clients()
        DatabaseEvents(
            self,
            "Events",
            topic=self.topic,
            name=self.shape.identifier,
            cluster=self.database.cluster_id,
            instances=self.database.instance_ids,
        )
        self._options(watch(self))
        self._outputs()

    def _network(self) -> PublicNetwork:
        network = PublicNetwork(
            self,
            "Network",
            shape=PublicNetworkShape(
                name=self.names.of("vpc"),
                cidr=self.settings.network.cidr,
                zones=ZONES,
                subnet_bits=SUBNET_BITS,
                nat=self.settings.network.nat,
            ),
        )
        self.keep(network)
        return network

    def _shape(self) -> AuroraShape:
        database = self.settings.database
        return AuroraShape(
            version=version_of("aurora-postgresql", database.engine_version),
            identifier=self.names.of("cluster"),
            readers=database.readers,
            instance_class=database.instance_class,
            database=database.name,
            exported_logs=["postgresql"],
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
        groups = [*self.shape.log_groups, self.names.flow_log]
        may_notify = [alarms_may_use(self), database_events_may_use(self), backup_may_use(self)]
        return CustomerKey(
            self,
            "Key",
            alias=self.names.of("key"),
            statements=[*may_notify, logs_may_use(self, groups)],
            removal=self.key_removal,
            alias_removal=self.leftover,
        ).key

    def _database(self) -> AuroraCluster:
        subnets = self.network.private_subnets
        credentials = DatabaseCredentials(
            self,
            "Credentials",
            name=self.names.of("credentials"),
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
            subnets=subnets,
            key=self.key,
            credentials=credentials,
            log_key=self.key,
        )
        endpoint = self.network.reach_by_interface(
            "SecretsManager", ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER, pass_secret(credentials.secret)
        )
        rotated = database.rotate(
            subnets=subnets,
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

    def _options(self, alarms: list[cloudwatch.Alarm]) -> None:
        """Build what the settings ask for beyond the cluster."""
        database, network = self.settings.database, self.settings.network
        if network.flow_logs:
            FlowLogs(
                self,
                "FlowLogs",
                vpc=self.network.vpc,
                name=self.names.flow_log,
                retention=log_retention(database.log_days),
                key=self.key,
            )
        if database.most_readers:
            ReaderScaling(
                self,
                "Scaling",
                cluster=self.database.cluster,
                least=database.readers,
                most=database.most_readers,
                cpu_percent=database.reader_cpu_percent,
            )
        if database.proxy:
            self._proxy()
        if self.settings.copies.schedule:
            self._copies(self.settings.copies.schedule)
        if self.settings.dashboard:
            DatabaseDashboard(
                self, "Board", name=self.names.of("dashboard"), cluster=self.database.cluster_id, alarms=alarms
            )

    def _proxy(self) -> None:
        proxy = DatabaseProxy(
            self,
            "Proxy",
            name=self.names.of("proxy"),
            database=self.database,
            vpc=self.network.vpc,
            subnets=self.network.private_subnets,
            key=self.key,
        )
        proxy.admit(self.clients, "a client of the proxy")
        self.tell("ProxyEndpoint", f"{proxy.proxy.attr_endpoint}:{self.shape.port}", "Pooled connections to the writer")

    def _copies(self, schedule: str) -> None:
        names = self.names
        region, days = self.settings.replica_region, self.settings.copies.days
        plan = BackupPlan(
            self,
            "Copies",
            names=BackupNames(
                vault=names.of("vault"),
                plan=names.of("plan"),
                rule=names.of("daily"),
                selection=names.of("selection"),
                role=names.of("backup-role"),
            ),
            shape=BackupShape(
                schedule=schedule,
                keep_days=days,
                copy_to=f"arn:{self.partition}:backup:{region}:{self.account}:backup-vault:{names.of('copies')}",
            ),
            key=self.key,
            resources=[self.database.cluster.cluster_arn],
            removal=data_removal(self.destroyable),
        )
        BackupNotices(self, "CopyNotices", vault=plan.vault, topic=self.topic)

    def _outputs(self) -> None:
        info, export = self.database.connect_info, self.names.of
        self.tell("ClusterEndpoint", f"{info.host}:{info.port}", "Writer", export=export("cluster-endpoint"))
        self.tell(
            "ClusterReaderEndpoint", f"{info.reader_host}:{info.port}", "Readers", export=export("reader-endpoint")
        )
        self.tell(
            "SecretArn", info.secret.secret_arn, "Master credentials with host and port", export=export("secret-arn")
        )
        self.tell("ClientSecurityGroupId", self.clients.security_group_id, "Wear it to be let in")
        self.tell("AlarmTopicArn", self.topic.topic_arn, "Alarms and events of the database")
