"""REM004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.system import System
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import as_bool


class NothingOutlives(SystemRule):
    """Nothing outlives its stack where everything must be destroyable."""

    id = "REM004"
    demand = ("destroyable",)
    remediation = (
        "Set DeletionPolicy to Delete, switch protection off, and empty buckets and backup vaults before the "
        "stack goes."
    )
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Look at policies, defaults and protections of every resource."""
        if not system.demands.destroyable:
            return
        for resource in system.resources():
            default = "Snapshot" if resource.type == "AWS::RDS::DBCluster" else "Delete"
            policy = resource.policy("DeletionPolicy") or default
            if policy not in ("Delete", "RetainExceptOnCreate") or policy == "RetainExceptOnCreate":
                if policy.startswith("${?"):
                    yield self.undecided(resource, "DeletionPolicy", "the policy is a parameter")
                else:
                    yield self.violated(
                        resource, "DeletionPolicy", f"it stays behind ({policy}), and destroyable is demanded"
                    )
            for switch in ("DeletionProtection", "DeletionProtectionEnabled", "EnableTerminationProtection"):
                if as_bool(resource.get(switch)) is True:
                    yield self.violated(resource, switch, "protection is on, so the stack cannot be deleted")
            if resource.type == "AWS::S3::Bucket" and not _emptied(resource):
                yield self.violated(resource, "", "a bucket with objects is not deleted: nothing empties it first")


def _emptied(bucket: Resource) -> bool:
    return any(
        other.type.startswith(("Custom::", "AWS::CloudFormation::CustomResource")) for other, _, _ in bucket.referrers
    )
