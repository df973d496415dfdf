"""A network without a way to the internet."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct


class Endpoints(Construct):
    """What lets a network reach AWS without the internet; `IsolatedNetwork` and `PublicNetwork` are such networks.

    Each endpoint carries a policy: what its callers may reach even if their roles were wider.
    """

    vpc: ec2.Vpc
    endpoint_group: ec2.SecurityGroup
    endpoint_subnets: ec2.SubnetSelection

    def reach_by_gateway(
        self, id_: str, service: ec2.GatewayVpcEndpointAwsService, statements: Sequence[iam.PolicyStatement]
    ) -> ec2.GatewayVpcEndpoint:
        """Add a gateway endpoint that passes what `statements` allow."""
        endpoint = ec2.GatewayVpcEndpoint(self, id_, vpc=self.vpc, service=service)
        for statement in statements:
            endpoint.add_to_policy(statement)
        return endpoint

    def reach_by_interface(
        self, id_: str, service: ec2.InterfaceVpcEndpointAwsService, statements: Sequence[iam.PolicyStatement]
    ) -> ec2.InterfaceVpcEndpoint:
        """Add an interface endpoint in each zone, with private DNS, that passes what `statements` allow."""
        endpoint = ec2.InterfaceVpcEndpoint(
            self,
            id_,
            vpc=self.vpc,
            service=service,
            subnets=self.endpoint_subnets,
            security_groups=[self.endpoint_group],
            private_dns_enabled=True,
            open=False,
        )
        for statement in statements:
            endpoint.add_to_policy(statement)
        return endpoint


class IsolatedNetwork(Endpoints):
    """Two zones of isolated /24 subnets; functions in them reach AWS through endpoints and nothing else.

    A logs endpoint is not needed, because Lambda ships a function's log outside the VPC
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html).
    """

    def __init__(self, scope: Construct, id_: str, *, name: str) -> None:
        super().__init__(scope, id_)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=name,
            ip_addresses=ec2.IpAddresses.cidr("10.0.0.0/16"),
            max_azs=2,
            nat_gateways=0,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            # Emptying the default group would need a function of the CDK's; nothing is ever put into that group.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
            ],
        )
        self.endpoint_subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        self.endpoint_group = ec2.SecurityGroup(
            self,
            "EndpointGroup",
            vpc=self.vpc,
            description="Interface endpoints: TLS from inside the network",
            allow_all_outbound=False,
        )
        self.endpoint_group.add_ingress_rule(
            ec2.Peer.ipv4(self.vpc.vpc_cidr_block), ec2.Port.tcp(443), "TLS from inside the network"
        )
        self.function_group = ec2.SecurityGroup(
            self,
            "FunctionGroup",
            vpc=self.vpc,
            description="Functions: TLS out, to endpoints alone, because there is no other route",
            allow_all_outbound=False,
        )
        # The gateway endpoints' addresses are public ones, so the group cannot be narrower; the route tables are.
        self.function_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "TLS to endpoints")


def pass_through(scope: Construct, actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    """Return an endpoint-policy statement: principals of this account, these actions, these resources."""
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=list(actions),
        resources=list(resources),
        conditions={"StringEquals": {"aws:PrincipalAccount": Stack.of(scope).account}},
    )
