"""The network: three zones, NAT in each, and endpoints for every service that the platform itself calls."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from holdfast.platforms.constructs.network import pass_through
from holdfast.platforms.constructs.public_network import PublicNetwork, PublicNetworkShape
from holdfast.platforms.payment_migration.names import SIDES, Names
from holdfast.settings.payment_migration import SUBNET_BITS, ZONES, PaymentMigration

_SERVICES = {
    "LoadBalancing": ("ELASTIC_LOAD_BALANCING", "elasticloadbalancing"),
    "Ssm": ("SSM", "ssm"),
    "Monitoring": ("CLOUDWATCH_MONITORING", "cloudwatch"),
    "SecretsManager": ("SECRETS_MANAGER", "secretsmanager"),
    "Rds": ("RDS", "rds"),
    "Dms": ("DATABASE_MIGRATION_SERVICE", "dms"),
}


class MigrationNetwork(Construct):
    """The VPC and the security groups of all that is in it; only named groups reach each other.

    Endpoints pass the account's own principals to the account's own resources: the applications are not ours to narrow.
    """

    def __init__(self, scope: Construct, id_: str, *, settings: PaymentMigration, names: Names) -> None:
        super().__init__(scope, id_)
        shape = PublicNetworkShape(
            name=names.stack, cidr=settings.network.cidr, zones=ZONES, subnet_bits=SUBNET_BITS, nat=True
        )
        self.network = PublicNetwork(self, "Network", shape=shape)
        self.balancer = self._group("Balancer", "Load balancer: from the internet, to the applications")
        self.applications = {
            side: self._group(
                f"{side.capitalize()}Application", f"The {side} application: from the load balancer, to both databases"
            )
            for side in SIDES
        }
        self.replication = self._group("Replication", "Replication: to both databases and to their secrets")
        self.switch = self._group("Switch", "Switch function: to the endpoints")
        for group in (*self.applications.values(), self.replication, self.switch):
            self.network.admit_to_endpoints(group)
        for group in self.applications.values():
            group.connections.allow_from(self.balancer, ec2.Port.tcp(settings.traffic.port), "requests, health checks")
        self._endpoints()

    def _group(self, id_: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, id_, vpc=self.network.vpc, description=description, allow_all_outbound=False)

    def _endpoints(self) -> None:
        account = Stack.of(self).account
        service = ec2.GatewayVpcEndpointAwsService
        tables = Stack.of(self).format_arn(service="dynamodb", resource="table", resource_name="*")
        self.network.reach_by_gateway("DynamoDb", service.DYNAMODB, [pass_through(self, ["dynamodb:*"], [tables])])
        objects = pass_through(self, ["s3:*"], ["*"])
        objects.add_condition("StringEquals", {"aws:ResourceAccount": account})
        self.network.reach_by_gateway("S3", service.S3, [objects])
        for id_, (constant, prefix) in _SERVICES.items():
            endpoint = getattr(ec2.InterfaceVpcEndpointAwsService, constant)
            self.network.reach_by_interface(id_, endpoint, [pass_through(self, [f"{prefix}:*"], ["*"])])
