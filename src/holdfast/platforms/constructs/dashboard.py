"""A dashboard from lists of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

_WIDTH, _HEIGHT, _COLUMNS = 12, 6, 2


@dataclass(frozen=True, kw_only=True)
class Line:
    """One metric and how it is summed up: Average, Maximum, Sum, p95, ..."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    label: str

    def as_row(self) -> list[Any]:
        """Return it as a dashboard's body says it."""
        pairs = [text for pair in self.dimensions.items() for text in pair]
        return [self.namespace, self.metric, *pairs, {"stat": self.statistic, "label": self.label}]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One graph over time."""

    title: str
    lines: Sequence[Line]
    period_seconds: int = 300


class Dashboard(Construct):
    """Charts in two columns, in the given order, of metrics in the stack's region."""

    def __init__(self, scope: Construct, id_: str, *, name: str, charts: Sequence[Chart]) -> None:
        super().__init__(scope, id_)
        stack = Stack.of(self)
        widgets = [_widget(number, chart, stack.region) for number, chart in enumerate(charts)]
        self.resource = cloudwatch.CfnDashboard(
            self, "Dashboard", dashboard_name=name, dashboard_body=stack.to_json_string({"widgets": widgets})
        )


def _widget(number: int, chart: Chart, region: str) -> dict[str, Any]:
    return {
        "type": "metric",
        "x": number % _COLUMNS * _WIDTH,
        "y": number // _COLUMNS * _HEIGHT,
        "width": _WIDTH,
        "height": _HEIGHT,
        "properties": {
            "title": chart.title,
            "view": "timeSeries",
            "region": region,
            "period": chart.period_seconds,
            "metrics": [line.as_row() for line in chart.lines],
        },
    }
