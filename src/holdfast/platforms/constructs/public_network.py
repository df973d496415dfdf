"""A network with public subnets for a load balancer and private ones for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from holdfast.errors import InvalidRequest
from holdfast.platforms.constructs.network import Endpoints, pass_through

_TLS = 443


@dataclass(frozen=True, kw_only=True)
class PublicNetworkShape:
    """What the network is.

    Args:
        zones: availability zones, 2 to 6; the stack's `availability_zones` must have as many.
        subnet_bits: prefix length of every subnet; `2 * zones` of them have to fit into `cidr`.
        nat: a NAT gateway in each zone; without it private subnets reach AWS through endpoints alone.
    """

    name: str
    cidr: str
    zones: int
    subnet_bits: int = 24
    nat: bool = False


class PublicNetwork(Endpoints):
    """A public and a private subnet in each zone; only the public ones have a route to the internet.

    Tasks start in the private subnets without NAT once `let_tasks_start` is called. Nothing is put into the VPC's
    default security group, which admits its own members alone.
    """

    def __init__(self, scope: Construct, id_: str, *, shape: PublicNetworkShape) -> None:
        super().__init__(scope, id_)
        _refuse_impossible(self, shape)
        kind = ec2.SubnetType.PRIVATE_WITH_EGRESS if shape.nat else ec2.SubnetType.PRIVATE_ISOLATED
        self.endpoint_subnets = ec2.SubnetSelection(subnet_type=kind)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=shape.name,
            ip_addresses=ec2.IpAddresses.cidr(shape.cidr),
            max_azs=shape.zones,
            nat_gateways=shape.zones if shape.nat else 0,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            # Emptying the default group would need a function of the CDK's; nothing is ever put into that group.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public",
                    subnet_type=ec2.SubnetType.PUBLIC,
                    cidr_mask=shape.subnet_bits,
                    map_public_ip_on_launch=False,
                ),
                ec2.SubnetConfiguration(name="Private", subnet_type=kind, cidr_mask=shape.subnet_bits),
            ],
        )
        for role, subnets in (("public", self.vpc.public_subnets), ("private", self.private_subnets)):
            for number, subnet in enumerate(subnets, start=1):
                Tags.of(subnet).add("Name", f"{role}-subnet-{number}-{shape.name}")
        self.endpoint_group = ec2.SecurityGroup(
            self,
            "EndpointGroup",
            vpc=self.vpc,
            description="Interface endpoints: TLS from named clients",
            allow_all_outbound=False,
        )
        Tags.of(self.endpoint_group).add("Name", f"endpoint-sg-{shape.name}")

    @property
    def private_subnets(self) -> list[ec2.ISubnet]:
        """The subnets without a route from the internet, one a zone."""
        return list(self.vpc.select_subnets(subnet_type=self.endpoint_subnets.subnet_type).subnets)

    def admit_to_endpoints(self, client: ec2.SecurityGroup) -> None:
        """Let the members of `client` reach every endpoint over TLS, and nothing else that this adds.

        The gateway endpoints' addresses are public ones, so the way out cannot be narrower; the route tables are.
        """
        self.endpoint_group.add_ingress_rule(client, ec2.Port.tcp(_TLS), "TLS from a named client")
        client.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(_TLS), "TLS to endpoints")

    def let_tasks_start(self, *, repository_arn: str, log_group_arns: Sequence[str]) -> None:
        """Add the endpoints without which no Fargate task starts: image, its layers, and log.

        ECR hands out the layers' addresses signed by itself, so the bucket of layers is named and its callers are not.
        Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
        """
        service = ec2.InterfaceVpcEndpointAwsService
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        images = [pass_through(self, pull, [repository_arn])]
        images.append(pass_through(self, ["ecr:GetAuthorizationToken"], ["*"]))
        self.reach_by_interface("EcrApi", service.ECR, images)
        self.reach_by_interface("EcrDocker", service.ECR_DOCKER, images)
        streams = [f"{arn}:*" for arn in log_group_arns]
        write = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        self.reach_by_interface("Logs", service.CLOUDWATCH_LOGS, [pass_through(self, write, streams)])


def image_layers(scope: Construct) -> iam.PolicyStatement:
    """Return what an S3 gateway endpoint has to pass for images to be pulled from ECR.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
    """
    stack = Stack.of(scope)
    bucket = f"prod-{stack.region}-starport-layer-bucket"
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=["s3:GetObject"],
        resources=[f"arn:{stack.partition}:s3:::{bucket}/*"],
    )


def _refuse_impossible(network: Construct, shape: PublicNetworkShape) -> None:
    offered = len(Stack.of(network).availability_zones)
    if not 2 <= shape.zones <= 6:
        raise InvalidRequest(f"zones must be 2 to 6, got {shape.zones}")
    if offered < shape.zones:
        raise InvalidRequest(f"{shape.name} asks for {shape.zones} zones but its stack has {offered}")
