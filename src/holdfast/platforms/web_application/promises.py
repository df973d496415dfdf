"""The platform's promises: the database's, and what the other parts add to them. Pure; no CDK here."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from holdfast.platforms.database_promises import CLUSTER_SLA, Topology, database_promises
from holdfast.platforms.promises import Promise, Template, derived
from holdfast.settings.quantities import days_of, format_duration, format_percent
from holdfast.settings.schedule import longest_gap, parse_schedule
from holdfast.settings.web_application import WebApplication

# Monthly uptime commitments: https://aws.amazon.com/elasticloadbalancing/sla/, https://aws.amazon.com/ecs/sla/ (tasks
# in two zones or more), https://aws.amazon.com/dynamodb/sla/ (one region), https://aws.amazon.com/s3/sla/ and
# CLUSTER_SLA. The lower one of Standard-IA counts where objects move there.
_BALANCER_SLA, _TASKS_SLA, _TABLE_SLA = 0.9999, 0.9999, 0.9999
_STANDARD_SLA, _INFREQUENT_SLA = 0.999, 0.99


def promises(settings: WebApplication, templates: Sequence[Template]) -> list[Promise]:
    """Return RPO, RTO, failover, retention and availability of the whole application."""
    found = {one.name: one for one in database_promises(settings.promises, topology_of(settings), templates)}
    replaced = {"retention": _retention(settings), "availability": _availability(settings)}
    return [replaced.get(name, one) for name, one in found.items()]


def topology_of(settings: WebApplication) -> Topology:
    """Return what the settings are going to build."""
    backup = settings.backup
    return Topology(
        readers=settings.database.readers,
        zones=settings.network.zones,
        backup_days=settings.database.backup_days,
        copy_gap=longest_gap([parse_schedule(backup.schedule)]) if backup.copy_to else None,
    )


def _retention(settings: WebApplication) -> Promise:
    automated, plan = settings.database.backup_days, settings.backup.days
    kept, promised = min(automated, plan), days_of(settings.promises.retention)
    terms = (
        f"the least of {automated} days of automated database backups and {plan} days of recovery points of database "
        "and sessions; every second of 35 days of sessions besides (DynamoDB point-in-time recovery)"
    )
    return derived("retention", format_duration(settings.promises.retention), f"{kept}d", kept >= promised, terms)


def _availability(settings: WebApplication) -> Promise:
    promised, idle = settings.promises.availability, settings.storage.infrequent_access_after
    parts = {
        "load balancer": _BALANCER_SLA,
        f"Fargate over {settings.network.zones} zones": _TASKS_SLA,
        f"Aurora, {settings.database.readers + 1} instances": CLUSTER_SLA,
        "DynamoDB": _TABLE_SLA,
        "S3 Standard-IA" if idle else "S3 Standard": _INFREQUENT_SLA if idle else _STANDARD_SLA,
    }
    share = prod(parts.values())
    spelled = " x ".join(f"{name} {format_percent(one)}" for name, one in parts.items())
    terms = f"{spelled} = {format_percent(share)} a month for a request that needs them all (published)"
    return derived("availability", format_percent(promised), format_percent(share), share >= promised, terms)
