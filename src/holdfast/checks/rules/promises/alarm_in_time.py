"""PRO006."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from holdfast.checks.alarms import period_seconds, targets
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.promise import Term, spelled
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided
from holdfast.settings.quantities import read_duration


class AlarmInTime(ResourceRule):
    """An alarm that tells of an outage goes off within the promised failover time.

    Detection takes period times datapoints. A switch that a person or a function makes after an alarm cannot begin
    earlier. Only alarms that start a function count.
    """

    id = "PRO006"
    demand = ("failover",)
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = "Shorten the period or ask for fewer datapoints."
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the detection time of alarms whose action is a function."""
        promised = resource.system.demands.failover
        acts = [
            resource.system.find(target, "AWS::Lambda::Function", "AWS::Lambda::Alias") for target in targets(resource)
        ]
        if promised is None or not any(acts):
            return
        seconds = period_seconds(resource)
        if isinstance(seconds, Undecided):
            yield self.undecided(resource, "Period", seconds)
        elif timedelta(seconds=seconds) > promised:
            term = Term(timedelta(seconds=seconds), "detection")
            yield self.violated(
                resource, "Period", f"{spelled([term])} alone is more than the {read_duration(promised)} promised"
            )
