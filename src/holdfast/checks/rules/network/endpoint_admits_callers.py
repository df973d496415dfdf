"""NET008."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph import Resource
from holdfast.checks.network import groups, ingress, is_gateway
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class EndpointAdmitsCallers(ResourceRule):
    """An interface endpoint lets its callers in on port 443."""

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
        if any(rule.covers(443) and not rule.undecided for rule in rules):
            return
        doubtful = next((rule.undecided for rule in rules if rule.undecided), "")
        message = f"{found[0].logical_id} lets nothing in on port 443: every call through the endpoint hangs"
        yield from self.judged(resource, "SecurityGroupIds", Undecided(doubtful) if doubtful else False, message)
