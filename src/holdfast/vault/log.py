"""Log lines and metrics: both are JSON lines on standard output, which Lambda hands to CloudWatch Logs.

Metrics are in the embedded format, so that a function in a network without a way out needs no endpoint for them:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

BYTES, SECONDS, COUNT = "Bytes", "Seconds", "Count"


def log(event: str, **facts: Any) -> None:
    """Write one line: what happened, and the facts."""
    _write({"event": event, **facts})


def count(namespace: str, now: datetime, **metrics: float) -> None:
    """Publish metrics without dimensions; the unit is read off the end of each name."""
    definitions = [{"Name": name, "Unit": unit_of(name)} for name in metrics]
    directive = {"Namespace": namespace, "Dimensions": [[]], "Metrics": definitions}
    _write({"_aws": {"Timestamp": round(now.timestamp() * 1000), "CloudWatchMetrics": [directive]}, **metrics})


def unit_of(metric: str) -> str:
    """Return the CloudWatch unit of a metric."""
    if metric.endswith("Seconds"):
        return SECONDS
    return BYTES if "Bytes" in metric else COUNT


def _write(line: dict[str, Any]) -> None:
    # One write a line, so that lines of threads do not mix.
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()
