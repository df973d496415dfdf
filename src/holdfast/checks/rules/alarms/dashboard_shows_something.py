"""ALM009."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from holdfast.checks.alarms import known, known_namespace, nearest
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_text


class DashboardShowsSomething(ResourceRule):
    """A dashboard shows widgets whose metrics exist, at a period in which they are published."""

    id = "ALM009"
    severity = Severity.WARNING
    resource_types = ("AWS::CloudWatch::Dashboard",)
    remediation = "Add metric widgets; use the metric and period that the message names."
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Read the body as JSON, placeholders standing for what is known at deployment."""
        text = as_text(resource.get("DashboardBody"))
        try:
            body = json.loads(text or "")
        except ValueError:
            yield self.undecided(resource, "DashboardBody", "its body is put together at deployment")
            return
        widgets = body.get("widgets") if isinstance(body, dict) else None
        if not widgets:
            yield self.violated(resource, "DashboardBody", "the dashboard is empty: it shows no widget")
            return
        for widget in widgets if isinstance(widgets, list) else []:
            yield from self._widget(resource, widget)

    def _widget(self, resource: Resource, widget: Any) -> Iterator[Finding]:
        found = widget.get("properties") if isinstance(widget, dict) else None
        properties = found if isinstance(found, dict) else {}
        rows = properties.get("metrics")
        for row in rows if isinstance(rows, list) else []:
            if not (isinstance(row, list) and len(row) > 1 and isinstance(row[0], str) and isinstance(row[1], str)):
                continue
            kind = known(row[0], row[1])
            options = row[-1] if isinstance(row[-1], dict) else {}
            period = options.get("period", properties.get("period", 300))
            if known_namespace(row[0]) and kind is None:
                near = nearest(row[0], row[1])
                hint = f"; the nearest is {near}" if near else ""
                yield self.violated(
                    resource, "DashboardBody", f"{row[0]} has no metric {row[1]}: the graph is empty{hint}"
                )
            elif kind is not None and isinstance(period, int) and period < kind.every_seconds > 300:
                message = f"{row[1]} comes every {kind.every_seconds} s, the graph's period is {period} s: it has gaps"
                yield self.violated(resource, "DashboardBody", message)
