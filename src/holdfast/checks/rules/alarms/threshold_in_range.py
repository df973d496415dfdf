"""ALM018."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import metrics
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number, as_text

_PERCENT = (
    "CPUUtilization",
    "MemoryUtilization",
    "ACUUtilization",
    "BufferCacheHitRatio",
    "CPUReservation",
    "MemoryReservation",
)


class ThresholdInRange(ResourceRule):
    """An alarm's threshold lies within what its metric can be."""

    id = "ALM018"
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = "Choose a threshold between 0 and 100 for a percentage; mind the comparison."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at percentages of AWS namespaces."""
        found = [m for m in metrics(resource) if str(m.namespace).startswith("AWS/") and m.name in _PERCENT]
        threshold = as_number(resource.get("Threshold"))
        if not found or threshold is None or resource.get("Metrics") is not None:
            return
        if isinstance(threshold, Undecided):
            yield self.undecided(resource, "Threshold", threshold)
            return
        comparison = as_text(resource.get("ComparisonOperator")) or ""
        never = threshold > 100 or (threshold == 100 and comparison == "GreaterThanThreshold")
        if comparison.startswith("Greater") and never:
            yield self.violated(
                resource, "Threshold", f"{found[0].name} never exceeds 100 % and the threshold is {threshold:g}"
            )
        elif comparison.startswith("Greater") and 0 < threshold < 1:
            yield self.violated(
                resource, "Threshold", f"{found[0].name} is in percent, a threshold of {threshold:g} is always exceeded"
            )
