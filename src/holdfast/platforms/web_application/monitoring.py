"""What is watched and shown, and who is told."""

from __future__ import annotations

from collections.abc import Mapping

from constructs import Construct

from holdfast.platforms.constructs.alarms import Alarms
from holdfast.platforms.constructs.dashboard import Chart, Dashboard, Line
from holdfast.platforms.constructs.database_alarms import DatabaseEvents, readers_of, whole, writer_of
from holdfast.platforms.constructs.topic import NoticeTopic
from holdfast.platforms.web_application.compute import ComputeStack
from holdfast.platforms.web_application.database import ClusterStack
from holdfast.platforms.web_application.stack import ComponentStack
from holdfast.platforms.web_application.storage import StorageStack
from holdfast.platforms.web_application.watch import watch
from holdfast.settings.web_application import WebApplication


class MonitoringStack(ComponentStack):
    """Deployed after what it watches; the vault, which comes later, is watched by its name."""

    def __init__(
        self,
        scope: Construct,
        settings: WebApplication,
        *,
        storage: StorageStack,
        database: ClusterStack,
        compute: ComputeStack,
    ) -> None:
        super().__init__(scope, "monitoring", settings=settings, description="Web application: alarms, dashboard")
        self.cluster_id = database.cluster.cluster_id
        self.table_name = storage.sessions.table_name
        self.balancer = {"LoadBalancer": compute.front.full_name}
        self.targets = {**self.balancer, "TargetGroup": compute.targets.target_group_full_name}
        self.service = {
            "ClusterName": compute.application.cluster.ref,
            "ServiceName": compute.application.service.attr_name,
        }
        self.certificate = {"CertificateArn": compute.certificate_arn}
        self.topic = NoticeTopic(
            self,
            "Notices",
            name=self.names.of("alarm-topic"),
            display_name="Web application alarms",
            key=database.key,
            emails=settings.alerts,
        ).topic
        DatabaseEvents(
            self,
            "Events",
            topic=self.topic,
            name=self.names.of("aurora-events"),
            cluster=self.cluster_id,
            instances=database.cluster.instance_ids,
        )
        watch(Alarms(self, "Alarms", topic=self.topic, prefix="alarm", suffix=self.names.suffix), self)
        dashboard = Dashboard(self, "Board", name=self.names.of("dashboard"), charts=self._charts()).resource
        self.tell("AlarmTopicArn", self.topic.topic_arn, "Every alarm and database event goes here")
        self.tell("DashboardName", dashboard.ref, "Database, load balancer, containers, sessions, backups")

    def _charts(self) -> list[Chart]:
        cluster, table = self.cluster_id, {"TableName": self.table_name}
        return [
            Chart(
                title="Requests",
                lines=[
                    self._front("RequestCount", "Sum", "requests"),
                    self._front("HTTPCode_Target_5XX_Count", "Sum", "5xx of tasks"),
                    self._front("HTTPCode_ELB_5XX_Count", "Sum", "5xx of the balancer"),
                ],
            ),
            Chart(
                title="Response time and targets",
                lines=[
                    self._front("TargetResponseTime", "p95", "95 % below, s"),
                    _line("AWS/ApplicationELB", "HealthyHostCount", self.targets, "Minimum", "healthy"),
                    _line("AWS/ApplicationELB", "UnHealthyHostCount", self.targets, "Maximum", "unhealthy"),
                ],
            ),
            Chart(
                title="Containers",
                lines=[
                    _line("AWS/ECS", "CPUUtilization", self.service, "Average", "CPU, %"),
                    _line("AWS/ECS", "MemoryUtilization", self.service, "Average", "memory, %"),
                    _line("ECS/ContainerInsights", "RunningTaskCount", self.service, "Minimum", "running tasks"),
                ],
            ),
            Chart(
                title="Database",
                lines=[
                    _line("AWS/RDS", "CPUUtilization", writer_of(cluster), "Average", "writer CPU, %"),
                    _line("AWS/RDS", "ACUUtilization", whole(cluster), "Average", "capacity, %"),
                    _line("AWS/RDS", "DatabaseConnections", writer_of(cluster), "Average", "connections"),
                    _line("AWS/RDS", "AuroraReplicaLag", readers_of(cluster), "Maximum", "lag, ms"),
                ],
            ),
            Chart(
                title="Sessions",
                lines=[
                    _line("AWS/DynamoDB", "ConsumedReadCapacityUnits", table, "Sum", "read units"),
                    _line("AWS/DynamoDB", "ConsumedWriteCapacityUnits", table, "Sum", "write units"),
                    _line("AWS/DynamoDB", "ReadThrottleEvents", table, "Sum", "throttled reads"),
                    _line("AWS/DynamoDB", "WriteThrottleEvents", table, "Sum", "throttled writes"),
                ],
            ),
            Chart(
                title="Backups",
                period_seconds=3600,
                lines=[
                    _line("AWS/Backup", f"NumberOfBackupJobs{how}", self.vault, "Sum", how.lower())
                    for how in ("Completed", "Failed", "Expired")
                ],
            ),
        ]

    @property
    def vault(self) -> dict[str, str]:
        """The dimension of the vault's metrics."""
        return {"BackupVaultName": self.names.vault}

    def _front(self, metric: str, statistic: str, label: str) -> Line:
        return _line("AWS/ApplicationELB", metric, self.balancer, statistic, label)


def _line(namespace: str, metric: str, dimensions: Mapping[str, str], statistic: str, label: str) -> Line:
    return Line(namespace=namespace, metric=metric, dimensions=dimensions, statistic=statistic, label=label)
