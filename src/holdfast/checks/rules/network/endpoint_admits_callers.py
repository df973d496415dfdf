"""NET008."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import endpoint_service, groups, ingress, is_gateway
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided

# Source: https://docs.aws.amazon.com/ses/latest/dg/send-email-set-up-vpc-endpoints.html
_PORTS = {"email-smtp": (587, 465, 25, 2465, 2587)}


class EndpointAdmitsCallers(ResourceRule):
    """An interface endpoint lets its callers in on the port of its service: 443 for all but mail."""

    id = "NET008"
    resource_types = ("AWS::EC2::VPCEndpoint",)
    remediation = (
        "Add an ingress rule for tcp 443 from the VPC's range or the callers' groups to the endpoint's security group."
    )
    source = "https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the endpoint's security groups."""
        if is_gateway(resource):
            return
        found, unknown = groups(resource.system, resource.get("SecurityGroupIds"))
        if not found or unknown:
            return
        rules = [rule for group in found for rule in ingress(group)]
        ports = _PORTS.get(endpoint_service(resource), (443,))
        if any(rule.covers(port) and not rule.undecided for rule in rules for port in ports):
            return
        doubtful = next((rule.undecided for rule in rules if rule.undecided), "")
        message = f"{found[0].logical_id} lets nothing in on port {ports[0]}: every call through the endpoint hangs"
        yield from self.judged(resource, "SecurityGroupIds", Undecided(doubtful) if doubtful else False, message)
