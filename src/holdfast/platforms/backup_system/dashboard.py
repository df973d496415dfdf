"""The dashboard: how much is stored, in which classes, and how the runs go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_cloudwatch as cloudwatch

if TYPE_CHECKING:
    from holdfast.platforms.backup_system.primary import PrimaryStack

# S3 reports storage once a day: https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
_DAY = 86400


def build_dashboard(stack: PrimaryStack) -> cloudwatch.CfnDashboard:
    """Build the dashboard."""
    names, settings = stack.names, stack.settings
    queue, dead_letters = stack.queue.queue_name, stack.dead_letters.queue_name
    region, replica_region = settings.region, settings.replica_region
    buckets = ((names.primary_bucket, region, "primary"), (names.replica_bucket, replica_region, "replica"))
    storage = [
        ["AWS/S3", "BucketSizeBytes", "BucketName", bucket, "StorageType", kind, _options(f"{which} {kind}", where)]
        for bucket, where, which in buckets
        for kind in stack.form.storage_types
    ]
    function = names.function("initiator")
    operations = [
        ["AWS/Lambda", "Invocations", "FunctionName", function, {"label": "initiator invocations", "stat": "Sum"}],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, {"label": "queued", "stat": "Maximum"}],
        ["AWS/Lambda", "Errors", "FunctionName", function, _right("initiator errors", "Sum")],
        ["AWS/Lambda", "Errors", "FunctionName", names.function("worker"), _right("worker errors", "Sum")],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", dead_letters, _right("dead letters", "Maximum")],
    ]
    backups = [
        [names.metric_namespace, metric, {"stat": "Sum"}]
        for metric in ("CompletedBackups", "FailedBackups", "BytesStored")
    ]
    body = {
        "widgets": [
            _widget("Storage", storage, region, period=_DAY, x=0, y=0),
            _widget("Operations", operations, region, period=300, x=12, y=0),
            _widget("Backups", backups, region, period=3600, x=0, y=6),
        ]
    }
    return cloudwatch.CfnDashboard(
        stack,
        "Dashboard",
        dashboard_name=names.dashboard,
        dashboard_body=stack.to_json_string(body),
    )


def _options(label: str, region: str) -> dict[str, Any]:
    return {"label": label, "stat": "Average", "region": region}


def _right(label: str, stat: str) -> dict[str, Any]:
    return {"label": label, "stat": stat, "yAxis": "right"}


def _widget(title: str, metrics: Sequence[Any], region: str, *, period: int, x: int, y: int) -> dict[str, Any]:
    return {
        "type": "metric",
        "x": x,
        "y": y,
        "width": 12,
        "height": 6,
        "properties": {
            "title": title,
            "view": "timeSeries",
            "region": region,
            "period": period,
            "metrics": list(metrics),
        },
    }
