"""ALM001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import known, known_namespace, metrics, nearest
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class MetricExists(ResourceRule):
    """An alarm reads a metric that its namespace publishes."""

    id = "ALM001"
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = "Use a metric that the service publishes; the message names the nearest."
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look up each metric in the catalogue, for the namespaces it holds whole."""
        for metric in metrics(resource):
            where = f"{metric.path}MetricName"
            if is_undecided(metric.name) or is_undecided(metric.namespace):
                if not isinstance(metric.namespace, str) or known_namespace(metric.namespace):
                    yield self.undecided(
                        resource, where, metric.name if is_undecided(metric.name) else metric.namespace
                    )
            elif not isinstance(metric.namespace, str) or not isinstance(metric.name, str):
                continue
            elif known_namespace(metric.namespace) and known(metric.namespace, metric.name) is None:
                near = nearest(metric.namespace, metric.name)
                hint = f"; the nearest is {near}" if near else ""
                message = f"{metric.namespace} has no metric {metric.name}, so the alarm never goes off{hint}"
                yield self.violated(resource, where, message)
