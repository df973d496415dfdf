"""ALM002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import known, metrics
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class DimensionsExist(ResourceRule):
    """An alarm names a set of dimensions under which its metric is published."""

    id = "ALM002"
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = "Use exactly one of the sets of dimensions that the message lists."
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the dimension names with the catalogue's sets."""
        for metric in metrics(resource):
            if not isinstance(metric.namespace, str) or not isinstance(metric.name, str):
                continue
            kind = known(metric.namespace, metric.name)
            if kind is None or kind.free:
                continue
            if isinstance(metric.dimensions, Undecided):
                yield self.undecided(resource, f"{metric.path}Dimensions", metric.dimensions)
            elif frozenset(metric.dimensions) not in kind.dimensions:
                listed = " or ".join(sorted("+".join(sorted(names)) or "none" for names in kind.dimensions)[:4])
                got = "+".join(sorted(metric.dimensions)) or "none"
                message = f"{metric.name} is not published under dimensions {got}, but under {listed}"
                yield self.violated(resource, f"{metric.path}Dimensions", message)
