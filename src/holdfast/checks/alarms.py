"""Reads alarms: which metrics they watch, on what, and what CloudWatch knows of these metrics."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from holdfast.checks.graph.resource import Resource, once
from holdfast.checks.graph.system import System
from holdfast.checks.values import Undecided, Value, as_list, as_number, as_text, is_undecided


@dataclass(frozen=True)
class Metric:
    """One metric that an alarm, or an expression in it, reads. `path` is where it stands below the alarm."""

    alarm: Resource
    path: str
    namespace: Value
    name: Value
    dimensions: Mapping[str, Value] | Undecided
    statistic: str
    period: float | Undecided | None

    def is_(self, namespace: str, *names: str) -> bool:
        """Tell whether it is one of these metrics of a namespace."""
        return self.namespace == namespace and (not names or self.name in names)


@dataclass(frozen=True)
class Kind:
    """What CloudWatch publishes under one name: sets of dimensions, and the largest gap between two values."""

    dimensions: frozenset[frozenset[str]]
    every_seconds: int = 60
    free: bool = False
    """True where the service lets its user choose dimensions, so that any set may exist."""


@once
def metrics(alarm: Resource) -> list[Metric]:
    """Return every metric an alarm reads, whether it is a plain alarm or metric math."""
    if alarm.get("MetricName") is not None or alarm.get("Namespace") is not None:
        statistic = alarm.get("Statistic", alarm.get("ExtendedStatistic", ""))
        return [_metric(alarm, "", alarm.properties, statistic, alarm.get("Period"))]
    found = []
    for index, query in enumerate(as_list(alarm.get("Metrics"))):
        stat = query.get("MetricStat") if isinstance(query, dict) else None
        if isinstance(stat, dict) and isinstance(stat.get("Metric"), dict):
            path = f"Metrics.{index}.MetricStat.Metric."
            found.append(_metric(alarm, path, stat["Metric"], stat.get("Stat", ""), stat.get("Period")))
    return found


def alarms(system: System) -> list[Resource]:
    """Return every metric alarm of the system."""
    return system.resources("AWS::CloudWatch::Alarm")


def watching(system: System, namespace: str, *names: str) -> Iterator[Metric]:
    """Yield every metric of a namespace that some alarm reads, of these names if any are given."""
    for alarm in alarms(system):
        for metric in metrics(alarm):
            if metric.is_(namespace, *names):
                yield metric


def period_seconds(alarm: Resource) -> float | Undecided:
    """Return how long an alarm takes to see a change at least: period times the datapoints that must be wrong."""
    period: float | Undecided | None = as_number(alarm.get("Period"))
    if period is None:
        known = [m.period for m in metrics(alarm) if m.period is not None]
        period = next((p for p in known if isinstance(p, Undecided)), None) or max(
            (p for p in known if not isinstance(p, Undecided)), default=None
        )
    needed = as_number(alarm.get("DatapointsToAlarm", alarm.get("EvaluationPeriods")), 1)
    if period is None:
        return Undecided("the alarm names no period")
    if isinstance(period, Undecided) or isinstance(needed, Undecided):
        return period if isinstance(period, Undecided) else Undecided("the number of periods")
    return period * (needed or 1)


def targets(alarm: Resource) -> list[Value]:
    """Return what an alarm does when it goes off; empty when actions are switched off."""
    if alarm.get("ActionsEnabled") in (False, "false"):
        return []
    return as_list(alarm.get("AlarmActions"))


def known_namespace(namespace: str) -> bool:
    """Tell whether the catalogue lists every metric of a namespace."""
    return namespace in _catalogue()


def known(namespace: str, name: str) -> Kind | None:
    """Return what the catalogue knows of a metric; None when a listed namespace has no such metric."""
    return _catalogue().get(namespace, {}).get(name)


def nearest(namespace: str, name: str) -> str | None:
    """Return the metric of a namespace whose name comes nearest."""
    close = difflib.get_close_matches(name, _catalogue().get(namespace, {}), n=1, cutoff=0.5)
    return close[0] if close else None


def _metric(alarm: Resource, path: str, holder: Mapping[str, Value], statistic: Value, period: Value) -> Metric:
    return Metric(
        alarm=alarm,
        path=path,
        namespace=holder.get("Namespace"),
        name=holder.get("MetricName"),
        dimensions=_dimensions(holder.get("Dimensions")),
        statistic=as_text(statistic) or "",
        period=as_number(period),
    )


def _dimensions(value: Value) -> Mapping[str, Value] | Undecided:
    found: dict[str, Value] = {}
    for item in as_list(value):
        if isinstance(item, Undecided):
            return item
        if isinstance(item, dict) and isinstance(item.get("Name"), str):
            found[item["Name"]] = item.get("Value")
        elif is_undecided(item):
            return Undecided("the dimensions")
    return found


@cache
def _catalogue() -> dict[str, dict[str, Kind]]:
    text = files("holdfast.checks").joinpath("data/metrics.json").read_text(encoding="utf-8")
    data: dict[str, list[dict[str, Any]]] = json.loads(text)["namespaces"]
    return {namespace: _namespace(groups) for namespace, groups in data.items()}


def _namespace(groups: list[dict[str, Any]]) -> dict[str, Kind]:
    found = {}
    for group in groups:
        sets = frozenset(frozenset(names) for names in group["dimensions"])
        kind = Kind(sets, group.get("every_seconds", 60), group.get("free", False))
        found.update(dict.fromkeys(group["metrics"], kind))
    return found
