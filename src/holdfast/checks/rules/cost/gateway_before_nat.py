"""COS003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import endpoints
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class GatewayBeforeNat(ResourceRule):
    """A VPC with NAT gateways has gateway endpoints for the S3 and DynamoDB that it uses.

    Gateway endpoints are free; the same traffic through NAT is charged by the gigabyte and leaves the network.
    """

    id = "COS003"
    severity = Severity.WARNING
    resource_types = ("AWS::EC2::VPC",)
    remediation = "Add AWS::EC2::VPCEndpoint of type Gateway for S3 and DynamoDB on the private route tables."
    source = "https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare what the system declares with the endpoints of the VPC."""
        system = resource.system
        if not system.resources("AWS::EC2::NatGateway"):
            return
        there = endpoints(resource)
        for service, kind in (("s3", "AWS::S3::Bucket"), ("dynamodb", "AWS::DynamoDB::Table")):
            if not system.resources(kind) or service in there:
                continue
            unknown = next((name for name in there if "${?" in name), None)
            message = f"traffic to {service} is paid for through the NAT gateways: there is no gateway endpoint for it"
            yield from self.judged(resource, "", Undecided(unknown) if unknown else False, message)
