"""An isolated network whose subnets have the addresses they are given."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Fn, Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from holdfast.platforms.constructs.network import Endpoints


class AddressedNetwork(Endpoints):
    """A VPC with one isolated subnet a zone at exactly `subnets`: no internet gateway, no NAT, no route out.

    The CDK's own VPC hands out addresses in order; here a subnet keeps its range whatever is added later.
    """

    def __init__(self, scope: Construct, id_: str, *, name: str, cidr: str, subnets: Sequence[str]) -> None:
        super().__init__(scope, id_)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=name,
            ip_addresses=ec2.IpAddresses.cidr(cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            # Emptying the default group would need a function of the CDK's; nothing is ever put into that group.
            restrict_default_security_group=False,
            subnet_configuration=[],
        )
        self.subnets: list[ec2.ISubnet] = [
            self._subnet(number, f"{name}-isolated-{number}", part) for number, part in enumerate(subnets, start=1)
        ]
        self.endpoint_subnets = ec2.SubnetSelection(subnets=self.subnets)
        self.endpoint_group = ec2.SecurityGroup(
            self,
            "EndpointGroup",
            vpc=self.vpc,
            description="Interface endpoints: TLS from named clients",
            allow_all_outbound=False,
        )

    def _subnet(self, number: int, name: str, cidr: str) -> ec2.ISubnet:
        subnet = ec2.PrivateSubnet(
            self,
            f"Isolated{number}",
            vpc_id=self.vpc.vpc_id,
            availability_zone=Fn.select(number - 1, Fn.get_azs()),
            cidr_block=cidr,
            map_public_ip_on_launch=False,
        )
        Tags.of(subnet).add("Name", name)
        return subnet
