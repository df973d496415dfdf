"""ALM017."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.alarms import metrics
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided

_HAPPENINGS = re.compile(
    r"(?i)invocations$|completed|succeeded|success|NumberOfBackupJobsCompleted|heartbeat|MessagesPublished"
)


class HeartbeatHearsSilence(ResourceRule):
    """An alarm that waits for something to happen takes missing data for breaching.

    An alarm on too few completions, invocations or backups; when the thing stops there is no data at all.
    """

    id = "ALM017"
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = "Set TreatMissingData to breaching."
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at alarms that go off below a threshold of 1 or so on a count of happenings."""
        comparison = resource.get("ComparisonOperator")
        if comparison not in ("LessThanThreshold", "LessThanOrEqualToThreshold"):
            return
        named = [m for m in metrics(resource) if isinstance(m.name, str) and _HAPPENINGS.search(m.name)]
        if not named or named[0].statistic not in ("Sum", "SampleCount"):
            return
        treated = resource.get("TreatMissingData", "missing")
        message = f"when {named[0].name} stops there is no data, which it treats as {treated}: it never goes off"
        hears = treated if isinstance(treated, Undecided) else treated == "breaching"
        yield from self.judged(resource, "TreatMissingData", hears, message)
