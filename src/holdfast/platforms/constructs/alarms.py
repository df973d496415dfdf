"""Alarms that all reach one topic."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One figure to watch: a metric that exists, how it is summed up, and when it is wrong.

    `missing` says what no data means: "fine" for counters that exist only when something happens, "wrong" for
    heartbeats, whose silence is the failure.
    """

    namespace: str
    metric: str
    dimensions: dict[str, str]
    statistic: str
    period_seconds: int
    threshold: float
    comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
    periods: int = 1
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING


class Alarms(Construct):
    """Alarms with one action each: tell `topic` (and tell it when all is well again)."""

    def __init__(self, scope: Construct, id_: str, *, topic: sns.ITopic, prefix: str, suffix: str) -> None:
        super().__init__(scope, id_)
        self._action = actions.SnsAction(topic)
        self._prefix, self._suffix = prefix, suffix

    def add(self, id_: str, name: str, description: str, watch: Watch) -> cloudwatch.Alarm:
        """Add an alarm; `description` tells whoever is woken what happened and what to do."""
        alarm = cloudwatch.Alarm(
            self,
            id_,
            alarm_name=f"{self._prefix}-{name}-{self._suffix}",
            alarm_description=description,
            metric=cloudwatch.Metric(
                namespace=watch.namespace,
                metric_name=watch.metric,
                dimensions_map=watch.dimensions,
                statistic=watch.statistic,
                period=Duration.seconds(watch.period_seconds),
            ),
            threshold=watch.threshold,
            comparison_operator=watch.comparison,
            evaluation_periods=watch.periods,
            treat_missing_data=watch.missing,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        return alarm


def any_of(
    namespace: str, metric: str, dimensions: dict[str, str], *, period_seconds: int = 300, periods: int = 1
) -> Watch:
    """Watch a counter: one is too many, if there is one in each of `periods` periods in a row."""
    return Watch(
        namespace=namespace,
        metric=metric,
        dimensions=dimensions,
        statistic="Sum",
        period_seconds=period_seconds,
        threshold=1,
        periods=periods,
    )


def silence_of(namespace: str, metric: str, dimensions: dict[str, str], *, hours: int) -> Watch:
    """Watch a heartbeat: none in `hours` hours is wrong, and so is no data at all."""
    return Watch(
        namespace=namespace,
        metric=metric,
        dimensions=dimensions,
        statistic="Sum",
        period_seconds=_HOUR,
        threshold=1,
        comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        periods=hours,
        missing=cloudwatch.TreatMissingData.BREACHING,
    )


def level_of(
    namespace: str,
    metric: str,
    dimensions: dict[str, str],
    *,
    above: float,
    period_seconds: int = 300,
    periods: int = 1,
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    or_equal: bool = False,
) -> Watch:
    """Watch a gauge: its maximum above (or at) a bound, `periods` times in a row."""
    operator = cloudwatch.ComparisonOperator
    return Watch(
        namespace=namespace,
        metric=metric,
        dimensions=dimensions,
        statistic="Maximum",
        period_seconds=period_seconds,
        threshold=above,
        comparison=operator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD if or_equal else operator.GREATER_THAN_THRESHOLD,
        periods=periods,
        missing=missing,
    )


def least_of(
    namespace: str,
    metric: str,
    dimensions: dict[str, str],
    *,
    below: float,
    period_seconds: int = 60,
    periods: int = 1,
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
) -> Watch:
    """Watch a gauge: its minimum below a bound, `periods` times in a row."""
    return Watch(
        namespace=namespace,
        metric=metric,
        dimensions=dimensions,
        statistic="Minimum",
        period_seconds=period_seconds,
        threshold=below,
        comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        periods=periods,
        missing=missing,
    )


def waiting_in(queue_name: str, *, period_seconds: int = 300) -> Watch:
    """Watch a queue that should be empty: one message is too many."""
    return level_of(
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        {"QueueName": queue_name},
        above=1,
        period_seconds=period_seconds,
        or_equal=True,
    )
