"""LOG004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_bool


class TrailIsWhole(ResourceRule):
    """A trail sees every region, and its files can be proved to be unchanged."""

    id = "LOG004"
    severity = Severity.WARNING
    resource_types = ("AWS::CloudTrail::Trail",)
    remediation = "Set IsMultiRegionTrail and EnableLogFileValidation to true."
    source = "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the two switches."""
        for name, missing in (
            ("IsMultiRegionTrail", "sees one region only"),
            ("EnableLogFileValidation", "files can be altered unnoticed"),
        ):
            yield from self.judged(
                resource,
                name,
                as_bool(resource.get(name)),
                f"the trail's {missing}" if "files" in missing else f"the trail {missing}",
            )
