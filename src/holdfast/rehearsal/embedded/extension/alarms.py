"""Alarms on metric math, which MiniStack refuses: recorded and told back; no sum is computed, they never ring.

Inside, such an alarm watches a metric that nobody sends, so that MiniStack's evaluation leaves it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

MATH = ("Metrics", "ThresholdMetricId")
NOBODYS = {"Namespace": "Holdfast/MetricMath", "MetricName": "None", "Threshold": 0}
HIDDEN = (*NOBODYS, "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


def install() -> None:
    """Take a template's metric math, and tell it instead of the stand-in."""
    record_of, told_of = provisioners._cw_metric_alarm_record, cloudwatch._cbor_alarm

    def record(name: str, props: Mapping[str, Any]) -> Any:
        if not props.get("Metrics"):
            return record_of(name, props)
        plain = {field: value for field, value in props.items() if field not in MATH}
        made = record_of(name, {**plain, **NOBODYS})
        kept = {field: props[field] for field in MATH if field in props}
        return {**made, **kept, "_threshold": props.get("Threshold")}

    def told(alarm: Mapping[str, Any]) -> Any:
        answer = told_of({field: value for field, value in alarm.items() if field != "_threshold"})
        if "Metrics" not in alarm:
            return answer
        shown = {field: value for field, value in answer.items() if field not in HIDDEN}
        threshold = alarm["_threshold"]
        return shown if threshold is None else {**shown, "Threshold": float(threshold)}

    provisioners._cw_metric_alarm_record = record
    cloudwatch._cbor_alarm = told
