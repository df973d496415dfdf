"""The stack: network, key, credentials, cluster, its optional parts, alarms."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from holdfast.platforms.constructs.aurora import AuroraShape, log_retention
from holdfast.platforms.constructs.backup_notices import BackupNotices
from holdfast.platforms.constructs.backup_plan import BackupNames, BackupPlan, BackupShape
from holdfast.platforms.constructs.database_dashboard import DatabaseDashboard
from holdfast.platforms.constructs.database_proxy import DatabaseProxy
from holdfast.platforms.constructs.flow_logs import FlowLogs
from holdfast.platforms.constructs.public_network import PublicNetwork, PublicNetworkShape
from holdfast.platforms.constructs.reader_scaling import ReaderScaling
from holdfast.platforms.constructs.removal import data_removal
from holdfast.platforms.database_stack import DatabaseStack, Seat
from holdfast.platforms.payment_database.names import Names
from holdfast.platforms.payment_database.watch import watch
from holdfast.settings.engine_versions import version_of
from holdfast.settings.payment_database import SUBNET_BITS, ZONES, PaymentDatabase

_PASSWORD_LENGTH = 32


class PaymentStack(DatabaseStack):
    """The whole platform in its first region; a client is whoever wears the client group."""

    settings: PaymentDatabase

    def __init__(self, scope: Construct, settings: PaymentDatabase) -> None:
        super().__init__(
            scope, settings=settings, zones=ZONES, description="Aurora PostgreSQL for payments, in three zones"
        )
        self.names = Names(suffix=settings.environment)
        self.network = self._network()
        shape = self._shape()
        self.key = self.make_key(self.names.of("key"), [*shape.log_groups, self.names.flow_log])
        self.topic = self.make_notices(self.names.of("alarms"), "Payment Database Alarms", self.key)
        self.database = self.make_database(
            shape,
            Seat(network=self.network, subnets=self.network.private_subnets),
            key=self.key,
            secret=self.names.of("credentials"),
            username=settings.database.username,
            length=_PASSWORD_LENGTH,
            days=settings.database.rotation_days,
        )
        self.clients = self.make_clients(self.database, self.network)
        self.tell_events(self.database, self.topic)
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
        return self.shape(
            database,
            version=version_of("aurora-postgresql", database.engine_version),
            identifier=self.names.of("cluster"),
            instance_class=database.instance_class,
            database=database.name,
            exported_logs=["postgresql"],
        )

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
        self.keep(proxy)
        self.tell(
            "ProxyEndpoint",
            f"{proxy.proxy.attr_endpoint}:{self.database.shape.port}",
            "Pooled connections to the writer",
        )

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
