"""The network: public subnets for the load balancer, private ones for tasks and database, endpoints in place of NAT."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from holdfast.platforms.constructs.credentials import admit
from holdfast.platforms.constructs.network import pass_through
from holdfast.platforms.constructs.public_network import PublicNetwork, PublicNetworkShape, image_layers
from holdfast.platforms.web_application.grants import OBJECT_ACTIONS, SECRET_ACTIONS, TABLE_ACTIONS
from holdfast.platforms.web_application.stack import ComponentStack
from holdfast.settings.web_application import SUBNET_BITS, WebApplication


class NetworkStack(ComponentStack):
    """Deployed first. The security groups are here, so that no later stack refers back to another."""

    def __init__(self, scope: Construct, settings: WebApplication) -> None:
        super().__init__(
            scope, "network", settings=settings, description="Web application: network, endpoints, security groups"
        )
        shape = settings.network
        self.network = PublicNetwork(
            self,
            "Network",
            shape=PublicNetworkShape(
                name=self.names.of("vpc"), cidr=shape.cidr, zones=shape.zones, subnet_bits=SUBNET_BITS, nat=shape.nat
            ),
        )
        self.balancer_group = self._group("BalancerGroup", "alb-sg", "Load balancer: from the internet, to the tasks")
        self.task_group = self._group("TaskGroup", "task-sg", "Tasks: from the load balancer, to database and AWS")
        admit(self.balancer_group, self.task_group, settings.application.port, "requests to the tasks")
        self.network.admit_to_endpoints(self.task_group)
        self._endpoints()
        self.keep(self)
        self.tell("VpcId", self.network.vpc.vpc_id, "The network")

    def _group(self, id_: str, kind: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self,
            id_,
            vpc=self.network.vpc,
            security_group_name=self.names.of(kind),
            description=description,
            allow_all_outbound=False,
        )

    def _endpoints(self) -> None:
        """Let tasks reach what they use and no more; a function that rotates the password comes the same way."""
        names, network = self.names, self.network
        network.let_tasks_start(
            repository_arn=names.repository_arn, log_group_arns=[names.arn("logs", f"log-group:{names.container_log}")]
        )
        secret = [f"secretsmanager:{action}" for action in (*SECRET_ACTIONS, "PutSecretValue")]
        secret.append("secretsmanager:UpdateSecretVersionStage")
        network.reach_by_interface(
            "SecretsManager",
            ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
            [
                pass_through(self, secret, [names.secret_arns]),
                pass_through(self, ["secretsmanager:GetRandomPassword"], ["*"]),
            ],
        )
        bucket = names.bucket_arn("storage-bucket")
        network.reach_by_gateway(
            "S3",
            ec2.GatewayVpcEndpointAwsService.S3,
            [image_layers(self), pass_through(self, OBJECT_ACTIONS, [bucket, f"{bucket}/*"])],
        )
        table = names.arn("dynamodb", f"table/{names.table}")
        network.reach_by_gateway(
            "DynamoDb", ec2.GatewayVpcEndpointAwsService.DYNAMODB, [pass_through(self, TABLE_ACTIONS, [table])]
        )
