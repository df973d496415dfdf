"""Containers on Fargate: a service behind a target group that replaces failed tasks and failed deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aws_cdk import Stack
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from holdfast.errors import InvalidRequest
from holdfast.settings.fargate import check_size


@dataclass(frozen=True, kw_only=True)
class TaskNames:
    """Names of what a service is made of."""

    cluster: str
    service: str
    family: str
    execution_role: str
    task_role: str


@dataclass(frozen=True, kw_only=True)
class TaskShape:
    """What a task is.

    Args:
        image: of ECR in the stack's region; other registries cannot be reached without a way to the internet.
        cpu: units, 1024 to the core. memory_mib: one of `settings.fargate.MEMORY_MIB`.
        secrets: by environment variable, a secret and the field of it.
        grace_seconds: how long a starting task may fail its health check.
    """

    image: str
    port: int
    cpu: int = 512
    memory_mib: int = 1024
    architecture: Literal["X86_64", "ARM64"] = "X86_64"
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, tuple[secretsmanager.ISecret, str]] = field(default_factory=dict)
    grace_seconds: int = 60


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How many tasks run: at least `least`, at most `most`, so that they use `cpu_percent` of their processors."""

    least: int
    most: int
    cpu_percent: int = 60


class FargateService(Construct):
    """A cluster with one service: `scaling.least` tasks or more in private subnets, spread over their zones.

    A deployment never has fewer healthy tasks than before it, and one whose tasks do not start is rolled back. The
    execution role may pull the image, write the log and read the named secrets; the task role holds
    `task_statements` and nothing else. The number of tasks is not in the template, so that a deployment under load
    does not take away what scaling added.

    Raises:
        InvalidRequest: a CPU and memory that Fargate has not, fewer than 2 tasks, a range upside down.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        names: TaskNames,
        task: TaskShape,
        scaling: Scaling,
        subnets: Sequence[ec2.ISubnet],
        group: ec2.ISecurityGroup,
        log_group: logs.ILogGroup,
        targets: elb.ApplicationTargetGroup,
        repository_arn: str,
        execution_statements: Sequence[iam.PolicyStatement] = (),
        task_statements: Sequence[iam.PolicyStatement],
    ) -> None:
        super().__init__(scope, id_)
        _refuse_impossible(task, scaling)
        self._names, self._task, self._log_group = names, task, log_group
        self.execution_role = self._role(
            "ExecutionRole",
            names.execution_role,
            [*self._start_rights(repository_arn), *execution_statements],
        )
        self.task_role = self._role("TaskRole", names.task_role, task_statements)
        self.cluster = ecs.CfnCluster(
            self,
            "Cluster",
            cluster_name=names.cluster,
            cluster_settings=[ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="enabled")],
        )
        self.definition = self._definition()
        self.service = self._service(subnets, group, targets)
        self._scale(scaling)

    def _role(self, id_: str, name: str, statements: Sequence[iam.PolicyStatement]) -> iam.Role:
        account = Stack.of(self).account
        return iam.Role(
            self,
            id_,
            role_name=name,
            assumed_by=iam.ServicePrincipal(
                "ecs-tasks.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": account}}
            ),
            inline_policies={"Rights": iam.PolicyDocument(statements=list(statements))} if statements else None,
        )

    def _start_rights(self, repository_arn: str) -> list[iam.PolicyStatement]:
        """Return what starting a task takes; a token for ECR is not for a repository, so its resource is `*`."""
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        rights = {
            "PullImage": (pull, [repository_arn]),
            "RegistryToken": (["ecr:GetAuthorizationToken"], ["*"]),
            "WriteLog": (["logs:CreateLogStream", "logs:PutLogEvents"], [self._log_group.log_group_arn]),
        }
        secrets = {secret.secret_arn for secret, _ in self._task.secrets.values()}
        if secrets:
            rights["ReadSecrets"] = (["secretsmanager:GetSecretValue"], sorted(secrets))
        return [
            iam.PolicyStatement(sid=sid, actions=actions, resources=resources)
            for sid, (actions, resources) in rights.items()
        ]

    def _definition(self) -> ecs.CfnTaskDefinition:
        task, part = self._task, ecs.CfnTaskDefinition
        log = {
            "awslogs-group": self._log_group.log_group_name,
            "awslogs-region": Stack.of(self).region,
            "awslogs-stream-prefix": "application",
            # A log that cannot be delivered for a while must not stop the application.
            "mode": "non-blocking",
            "max-buffer-size": "25m",
        }
        container = part.ContainerDefinitionProperty(
            name="application",
            image=task.image,
            essential=True,
            port_mappings=[part.PortMappingProperty(container_port=task.port, protocol="tcp")],
            environment=[part.KeyValuePairProperty(name=name, value=value) for name, value in task.environment.items()],
            secrets=[
                part.SecretProperty(name=name, value_from=f"{secret.secret_arn}:{key}::")
                for name, (secret, key) in task.secrets.items()
            ],
            log_configuration=part.LogConfigurationProperty(log_driver="awslogs", options=log),
        )
        return part(
            self,
            "Task",
            family=self._names.family,
            cpu=str(task.cpu),
            memory=str(task.memory_mib),
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            runtime_platform=part.RuntimePlatformProperty(
                cpu_architecture=task.architecture, operating_system_family="LINUX"
            ),
            execution_role_arn=self.execution_role.role_arn,
            task_role_arn=self.task_role.role_arn,
            container_definitions=[container],
        )

    def _service(
        self, subnets: Sequence[ec2.ISubnet], group: ec2.ISecurityGroup, targets: elb.ApplicationTargetGroup
    ) -> ecs.CfnService:
        part = ecs.CfnService
        service = part(
            self,
            "Service",
            cluster=self.cluster.ref,
            service_name=self._names.service,
            task_definition=self.definition.ref,
            launch_type="FARGATE",
            availability_zone_rebalancing="ENABLED",
            health_check_grace_period_seconds=self._task.grace_seconds,
            deployment_configuration=part.DeploymentConfigurationProperty(
                minimum_healthy_percent=100,
                maximum_percent=200,
                deployment_circuit_breaker=part.DeploymentCircuitBreakerProperty(enable=True, rollback=True),
            ),
            network_configuration=part.NetworkConfigurationProperty(
                awsvpc_configuration=part.AwsVpcConfigurationProperty(
                    assign_public_ip="DISABLED",
                    subnets=[subnet.subnet_id for subnet in subnets],
                    security_groups=[group.security_group_id],
                )
            ),
            load_balancers=[
                part.LoadBalancerProperty(
                    container_name="application",
                    container_port=self._task.port,
                    target_group_arn=targets.target_group_arn,
                )
            ],
            propagate_tags="SERVICE",
            enable_ecs_managed_tags=True,
        )
        # A task that starts before its role has its rights fails to pull.
        service.node.add_dependency(self.execution_role, self.task_role)
        return service

    def _scale(self, limits: Scaling) -> None:
        target = scaling.CfnScalableTarget(
            self,
            "Scaling",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=f"service/{self.cluster.ref}/{self.service.attr_name}",
            min_capacity=limits.least,
            max_capacity=limits.most,
        )
        scaling.CfnScalingPolicy(
            self,
            "KeepCpu",
            policy_name=f"{self._names.service}-cpu",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=scaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=limits.cpu_percent,
                scale_in_cooldown=300,
                scale_out_cooldown=60,
                predefined_metric_specification=scaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type="ECSServiceAverageCPUUtilization"
                ),
            ),
        )


def _refuse_impossible(task: TaskShape, scaling: Scaling) -> None:
    try:
        check_size(task.cpu, task.memory_mib)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
    if not 2 <= scaling.least <= scaling.most:
        raise InvalidRequest(f"tasks must be 2 or more and least at most most, got {scaling.least} to {scaling.most}")
