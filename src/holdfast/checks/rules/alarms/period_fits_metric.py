"""ALM008."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import known, metrics
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class PeriodFitsMetric(ResourceRule):
    """An alarm's period is at least the gap between two values of its metric."""

    id = "ALM008"
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = "Use a period of one day for metrics that are published once a day."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the period with the catalogue."""
        for metric in metrics(resource):
            if not isinstance(metric.namespace, str) or not isinstance(metric.name, str):
                continue
            kind = known(metric.namespace, metric.name)
            if kind is None or kind.every_seconds <= 300:
                continue
            where = "Period" if not metric.path else metric.path.removesuffix("Metric.") + "Period"
            if isinstance(metric.period, Undecided):
                yield self.undecided(resource, where, metric.period)
            elif metric.period is not None and metric.period < kind.every_seconds:
                gap, period = kind.every_seconds, metric.period
                message = f"{metric.name} comes every {gap} s, the period is {period:g} s: most periods are empty"
                yield self.violated(resource, where, message)
