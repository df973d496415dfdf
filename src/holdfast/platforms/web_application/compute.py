"""The application: a load balancer on the internet and containers in private subnets."""

from __future__ import annotations

from aws_cdk import CfnParameter, RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from holdfast.platforms.constructs.aurora import log_retention
from holdfast.platforms.constructs.fargate import FargateService, Scaling, TaskNames, TaskShape
from holdfast.platforms.constructs.load_balancer import HealthCheck, PublicLoadBalancer, Weighted
from holdfast.platforms.web_application.database import ClusterStack
from holdfast.platforms.web_application.grants import task_rights
from holdfast.platforms.web_application.names import ACCESS_LOG_PREFIX
from holdfast.platforms.web_application.network import NetworkStack
from holdfast.platforms.web_application.stack import ComponentStack
from holdfast.platforms.web_application.storage import StorageStack
from holdfast.settings.fields import CERTIFICATE_PATTERN
from holdfast.settings.web_application import IMAGE_PATTERN, WebApplication


class ComputeStack(ComponentStack):
    """Deployed after network, storage and database. What the settings leave open, the deployment is asked for."""

    def __init__(
        self,
        scope: Construct,
        settings: WebApplication,
        *,
        network: NetworkStack,
        storage: StorageStack,
        database: ClusterStack,
    ) -> None:
        super().__init__(scope, "compute", settings=settings, description="Web application: load balancer, containers")
        self._network, self._storage, self._database = network, storage, database
        self.certificate_arn = settings.application.certificate or self._asked(
            "CertificateArn", CERTIFICATE_PATTERN, "ACM certificate of the HTTPS listener, in this region"
        )
        self.front = PublicLoadBalancer(
            self,
            "Front",
            name=self.names.of("alb"),
            vpc=network.network.vpc,
            group=network.balancer_group,
            certificate_arn=self.certificate_arn,
            logs=storage.logs.bucket,
            log_prefix=ACCESS_LOG_PREFIX,
            protected=settings.protected,
        )
        application = settings.application
        self.targets = self.front.add_targets(
            "Targets",
            name=self.names.of("targets"),
            port=application.port,
            check=HealthCheck(path=application.health_path),
        )
        listener = self.front.serve([Weighted(group=self.targets, weight=1)])
        self.application = self._service()
        self.application.service.node.add_dependency(listener)
        self.tell(
            "LoadBalancerDnsName", self.front.balancer.load_balancer_dns_name, "Point the certificate's name here"
        )
        self.tell("EcsClusterName", self.application.cluster.ref, "The ECS cluster")
        self.tell("EcsServiceName", self.application.service.attr_name, "The ECS service")

    def _asked(self, name: str, pattern: str, description: str) -> str:
        return CfnParameter(
            self, name, type="String", allowed_pattern=f"^{pattern}$", description=description
        ).value_as_string

    def _service(self) -> FargateService:
        settings, names = self.settings.application, self.names
        log = self._log("ContainerLog", names.container_log)
        insights = self._log("InsightsLog", names.insights_log)
        service = FargateService(
            self,
            "Application",
            names=TaskNames(
                cluster=names.ecs_cluster,
                service=names.service,
                family=names.of("task-definition"),
                execution_role=names.of("ecs-execution-role"),
                task_role=names.of("ecs-task-role"),
            ),
            task=TaskShape(
                image=settings.image or self._asked("ContainerImage", IMAGE_PATTERN, "Image in ECR of this region"),
                port=settings.port,
                cpu=settings.cpu,
                memory_mib=settings.memory,
                architecture="ARM64" if settings.architecture == "arm64" else "X86_64",
                environment={**self._surroundings(), **settings.environment},
            ),
            scaling=Scaling(least=settings.min_tasks, most=settings.max_tasks, cpu_percent=settings.cpu_percent),
            subnets=self._network.network.private_subnets,
            group=self._network.task_group,
            log_group=log,
            targets=self.targets,
            repository_arn=names.repository_arn,
            task_statements=task_rights(
                self,
                bucket_arn=self._storage.objects.bucket.bucket_arn,
                table_arn=self._storage.sessions.table_arn,
                secret_arn=self._database.info.secret.secret_arn,
                key_arn=self._database.key.key_arn,
            ),
        )
        service.cluster.node.add_dependency(insights)
        return service

    def _surroundings(self) -> dict[str, str]:
        """Return what the containers are told; the password is not among it, because it changes while they run."""
        info = self._database.info
        return {
            "DATABASE_HOST": info.host,
            "DATABASE_READER_HOST": info.reader_host,
            "DATABASE_PORT": str(info.port),
            "DATABASE_NAME": self.settings.database.name,
            "DATABASE_SECRET_ARN": info.secret.secret_arn,
            "SESSION_TABLE": self._storage.sessions.table_name,
            "BUCKET": self._storage.objects.bucket.bucket_name,
        }

    def _log(self, id_: str, name: str) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            id_,
            log_group_name=name,
            retention=log_retention(self.settings.application.log_days),
            encryption_key=self._database.key,
            removal_policy=RemovalPolicy.DESTROY,
        )
