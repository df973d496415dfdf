"""The alarms of CloudWatch that a cutover watches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.backup.stores.aws.errors import aws_errors

IN_ALARM = "ALARM"


class CloudWatchAlarms:
    """Metric and composite alarms by name, 100 at most: the limit of one request."""

    def __init__(self, client: Any, names: Sequence[str]) -> None:
        self._client, self._names = client, list(names)

    def ringing(self) -> Sequence[str]:
        """Return those in alarm, and those that do not exist."""
        if not self._names:
            return []
        with aws_errors("reading the watched alarms"):
            answer = self._client.describe_alarms(
                AlarmNames=self._names, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
            )
        found = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
        states = {one["AlarmName"]: one["StateValue"] for one in found}
        missing = [f"{name} (missing)" for name in self._names if name not in states]
        return [name for name in self._names if states.get(name) == IN_ALARM] + missing
