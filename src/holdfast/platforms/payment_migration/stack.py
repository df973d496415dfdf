"""The stack: network, key, both sides, what carries changes between them, load balancer, sessions, switch, backup."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aws_cdk import CfnParameter, Fn, Tags
from aws_cdk import aws_dms as dms
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_kms as kms
from constructs import Construct

from holdfast.platforms.constructs.acceptance import accept
from holdfast.platforms.constructs.aurora import AuroraCluster, AuroraShape, log_retention
from holdfast.platforms.constructs.backup_plan import BackupNames, BackupPlan, BackupShape
from holdfast.platforms.constructs.change_capture import BINARY_LOG, CaptureShape, ChangeCapture, Side
from holdfast.platforms.constructs.change_capture import log_group_name as capture_log
from holdfast.platforms.constructs.credentials import DatabaseCredentials
from holdfast.platforms.constructs.database_alarms import DatabaseEvents, database_events_may_use
from holdfast.platforms.constructs.emptied_vault import EmptiedVault
from holdfast.platforms.constructs.function import log_group_name
from holdfast.platforms.constructs.key import CustomerKey, alarms_may_use, logs_may_use, rules_may_use
from holdfast.platforms.constructs.load_balancer import HealthCheck, PublicLoadBalancer, Weighted
from holdfast.platforms.constructs.removal import data_removal
from holdfast.platforms.constructs.table import ProtectedTable
from holdfast.platforms.constructs.topic import NoticeTopic
from holdfast.platforms.database_stack import DatabaseStack
from holdfast.platforms.payment_migration.claims import tags_of
from holdfast.platforms.payment_migration.names import SIDES, Names
from holdfast.platforms.payment_migration.network import MigrationNetwork
from holdfast.platforms.payment_migration.switch import Moved, Switch, switch_seat
from holdfast.platforms.payment_migration.watch import watch
from holdfast.settings.engine_versions import version_of
from holdfast.settings.fields import CERTIFICATE_PATTERN
from holdfast.settings.payment_migration import (
    DMS_CERTIFICATE_PATTERN,
    ZONES,
    PaymentMigration,
)

_PASSWORD_LENGTH = 32
BACKUP_FUNCTION = "vault-emptier"


class MigrationStack(DatabaseStack):
    """The whole platform. Applications wear their side's group and are registered with their side's target group."""

    settings: PaymentMigration

    def __init__(self, scope: Construct, settings: PaymentMigration, bundle: Callable[[], Path]) -> None:
        super().__init__(scope, settings=settings, zones=ZONES, description="Blue-green migration of a payment system")
        for name, value in tags_of(settings).items():
            Tags.of(self).add(name, value)
        self.settings, self.names = settings, Names(settings=settings)
        self.shapes = {side: self._shape(side) for side in SIDES}
        self.places = MigrationNetwork(self, "Places", settings=settings, names=self.names)
        self.network = self.places.network
        self.keep(self.places)
        self.key = self._key()
        self.topic = NoticeTopic(
            self,
            "Alarms",
            name=self.names.stack,
            display_name="Payment migration",
            key=self.key,
            emails=settings.alerts,
        ).topic
        self.databases = {side: self._database(side) for side in SIDES}
        self.capture = self._capture()
        self.front, self.listener = self._front()
        self.sessions = ProtectedTable(
            self,
            "Sessions",
            name=self.names.sessions,
            partition_key="sessionId",
            key=self.key,
            removal=data_removal(self.destroyable),
            deletion_protection=settings.protected,
        ).table
        self.switch = Switch(
            self,
            "Cutover",
            settings=settings,
            names=self.names,
            moved=Moved(listener=self.listener, groups=self.groups, clusters=self.databases, capture=self.capture),
            seat=switch_seat(self.network.vpc, self.places.switch, self.network.private_subnets),
            key=self.key,
            tags=tags_of(settings),
            bundle=bundle,
        )
        self.backup = self._backup()
        watch(self)
        self._outputs()

    def _shape(self, side: str) -> AuroraShape:
        database = self.settings.database
        return self.shape(
            database,
            version=version_of("aurora-mysql", database.engine_version),
            identifier=self.names.cluster(side),
            instance_class=database.instance_class,
            database=database.name,
            parameters=BINARY_LOG,
            exported_logs=database.logs,
        )

    def _key(self) -> kms.IKey:
        names = self.names
        functions = [names.switch, names.adopt, *([self._emptier] if self.destroyable else [])]
        groups = [group for side in SIDES for group in self.shapes[side].log_groups]
        schedule = self.format_arn(service="events", resource="rule", resource_name=names.switch)
        return CustomerKey(
            self,
            "Key",
            alias=names.stack,
            statements=[
                alarms_may_use(self),
                database_events_may_use(self),
                rules_may_use([schedule]),
                logs_may_use(self, [*groups, capture_log(names.stack), *map(log_group_name, functions)]),
            ],
            removal=self.key_removal,
            alias_removal=self.leftover,
        ).key

    def _database(self, side: str) -> AuroraCluster:
        credentials = DatabaseCredentials(
            self,
            f"{side.capitalize()}Credentials",
            name=self.names.secret(side),
            username=self.settings.database.username,
            length=_PASSWORD_LENGTH,
            key=self.key,
            removal=self.leftover,
        )
        database = AuroraCluster(
            self,
            f"{side.capitalize()}Database",
            shape=self.shapes[side],
            vpc=self.network.vpc,
            subnets=self.network.private_subnets,
            key=self.key,
            credentials=credentials,
            log_key=self.key,
        )
        database.rotate(
            subnets=self.network.private_subnets,
            endpoint_group=self.network.endpoint_group,
            days=self.settings.database.rotation_days,
        )
        for application, group in self.places.applications.items():
            database.admit(group, f"the {application} application writes to whichever side is active")
        DatabaseEvents(
            self,
            f"{side.capitalize()}Events",
            topic=self.topic,
            name=self.names.cluster(side),
            cluster=database.cluster_id,
            instances=database.instance_ids,
        )
        return database

    def _capture(self) -> ChangeCapture:
        replication = self.settings.replication
        certificate = replication.certificate or self._asked(
            "ReplicationCertificateArn", DMS_CERTIFICATE_PATTERN, "RDS's CA bundle, imported into DMS in this region"
        )
        blue, green = (
            Side(name=side, cluster=self.databases[side], secret=self.databases[side].connect_info.secret)
            for side in SIDES
        )
        return ChangeCapture(
            self,
            "Replication",
            shape=CaptureShape(
                name=self.names.stack,
                database=self.settings.database.name,
                instance_class=replication.instance_class,
                multi_az=replication.multi_az,
                storage_gb=replication.storage_gb,
                certificate_arn=certificate,
            ),
            sides=(blue, green),
            subnets=self.network.private_subnets,
            group=self.places.replication,
            key=self.key,
            service_roles=data_removal(self.destroyable) if replication.service_roles == "create" else None,
            log_days=log_retention(self.settings.database.log_days),
        )

    def _front(self) -> tuple[PublicLoadBalancer, elb.CfnListener]:
        traffic = self.settings.traffic
        front = PublicLoadBalancer(
            self,
            "Front",
            name=self.names.balancer,
            vpc=self.network.vpc,
            group=self.places.balancer,
            certificate_arn=traffic.certificate
            or self._asked("CertificateArn", CERTIFICATE_PATTERN, "ACM certificate of the HTTPS listener"),
            logs=None,
            protected=self.settings.protected,
        )
        self.groups = {
            side: front.add_targets(
                side.capitalize(),
                name=self.names.targets(side),
                port=traffic.port,
                check=HealthCheck(path=traffic.health_path),
            )
            for side in SIDES
        }
        for side, group in self.groups.items():
            accept(
                group, "ELB003", f"the {side} application is its owner's to register; the gate wants a healthy target"
            )
        # Serves no request: the rule that the custom resource makes takes them all (docs/design/cutover-protocol.md).
        weights = {"blue": 100, "green": 0}
        listener = front.serve([Weighted(group=self.groups[side], weight=weights[side]) for side in SIDES])
        return front, listener

    def _backup(self) -> BackupPlan:
        names, backup = self.names, self.settings.backup
        plan = BackupPlan(
            self,
            "Backup",
            names=BackupNames(
                vault=names.stack,
                plan=names.stack,
                rule="daily",
                selection="clusters-and-sessions",
                role=f"{names.stack}-backup",
            ),
            shape=BackupShape(schedule=backup.schedule, keep_days=backup.days, point_tags=tags_of(self.settings)),
            key=self.key,
            resources=[
                *(database.cluster.cluster_arn for database in self.databases.values()),
                self.sessions.table_arn,
            ],
            removal=data_removal(self.destroyable),
        )
        if self.destroyable:
            EmptiedVault(self, "Emptied", plan=plan, name=self._emptier, log_key=self.key)
        return plan

    @property
    def _emptier(self) -> str:
        return f"{self.names.stack}-{BACKUP_FUNCTION}"

    def task_id(self, task: dms.CfnReplicationTask) -> str:
        """Return what metrics call a task: the end of its ARN."""
        return Fn.select(6, Fn.split(":", task.ref))

    def _asked(self, name: str, pattern: str, description: str) -> str:
        return CfnParameter(self, name, allowed_pattern=pattern, description=description).value_as_string

    def _outputs(self) -> None:
        info = {side: database.connect_info for side, database in self.databases.items()}
        switch = self.switch.function.function
        active = self.switch.adopted.get_att_string("ActiveParameter")
        self.tell("VpcId", self.network.vpc.vpc_id, "The network")
        for side in SIDES:
            self.tell(f"{side.capitalize()}ClusterEndpoint", info[side].host, f"Writer of {side}")
            self.tell(f"{side.capitalize()}SecretArn", info[side].secret.secret_arn, f"Master credentials of {side}")
            self.tell(f"{side.capitalize()}TargetGroupArn", self.groups[side].target_group_arn, f"Targets of {side}")
            group = self.places.applications[side].security_group_id
            self.tell(f"{side.capitalize()}ApplicationGroupId", group, f"Worn by the {side} application")
        self.tell("AlbDnsName", self.front.balancer.load_balancer_dns_name, "The load balancer")
        self.tell("DynamodbTableName", self.sessions.table_name, "Sessions")
        self.tell("SwitchLambdaName", switch.function_name, "The switch function")
        self.tell("SwitchLambdaArn", switch.function_arn, "The switch function")
        self.tell("ActiveEnvironmentParameter", active, "Whose database takes the writes")
        status = self.switch.adopted.get_att_string("StatusParameter")
        self.tell("MigrationStatusParameter", status, "Where the migration stands")
        self.tell("KmsKeyId", self.key.key_id, "The key of everything")
        self.tell("BackupVaultName", self.backup.vault.ref, "Recovery points")
        told = {
            "active_environment_parameter": active,
            "alb": self.front.balancer.load_balancer_dns_name,
            "database": self.settings.database.name,
            "port": str(self.shapes["blue"].port),
            "sessions": self.sessions.table_name,
            **{
                side: {
                    "writer": info[side].host,
                    "reader": info[side].reader_host,
                    "secret": info[side].secret.secret_arn,
                }
                for side in SIDES
            },
        }
        self.tell("ConnectionInfo", self.to_json_string(told), "What an application needs")
