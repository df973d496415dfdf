"""COS002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import endpoint_service
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class AccelerationIsUsed(ResourceRule):
    """Transfer acceleration has a user outside the region.

    A gateway endpoint does not serve the accelerated name, and writers in the region gain nothing from it.
    """

    id = "COS002"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Leave AccelerateConfiguration out, unless clients far away upload."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at accelerated buckets that functions in a VPC with a gateway endpoint write to."""
        status = resource.get("AccelerateConfiguration.AccelerationStatus")
        gateways = [e for e in resource.system.resources("AWS::EC2::VPCEndpoint") if endpoint_service(e) == "s3"]
        if status is None or status == "Suspended" or not gateways:
            return
        if is_undecided(status):
            yield self.undecided(resource, "AccelerateConfiguration", status)
        else:
            message = (
                f"its traffic goes through {gateways[0].logical_id}, which does not serve accelerated "
                "names: paid and unused"
            )
            yield self.violated(resource, "AccelerateConfiguration", message)
