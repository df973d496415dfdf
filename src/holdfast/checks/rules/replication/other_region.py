"""REP002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import rules_of


class OtherRegion(ResourceRule):
    """A replica lives in another region than its source.

    A copy in the same template, hence the same stack and region, survives no loss of that region.
    """

    id = "REP002"
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Declare the destination in a stack of a second region and name it by its fixed ARN."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the places of source and destination."""
        for index, rule in rules_of(resource):
            where = f"ReplicationConfiguration.Rules.{index}.Destination"
            copy = resource.system.find(rule["Destination"].get("Bucket"), "AWS::S3::Bucket")
            if copy is None:
                continue
            here, there = resource.template, copy.template
            if here is there or (here.region is not None and here.region == there.region):
                place = here.region or "the same stack, so the same region"
                yield self.violated(
                    resource, where, f"{copy.logical_id} is in {place}: the loss of the region takes both"
                )
            elif here.region is None or there.region is None:
                yield self.undecided(resource, where, "the regions of the stacks are not in the templates")
