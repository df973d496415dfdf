"""The platform's promises: both databases', and what the load balancer takes off availability. Pure; no CDK here."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.platforms.database_promises import CLUSTER_SLA, database_promises
from holdfast.platforms.payment_migration.claims import topology_of
from holdfast.platforms.promises import Promise, Template, derived
from holdfast.settings.payment_migration import PaymentMigration
from holdfast.settings.quantities import days_of, format_duration, format_percent

# Monthly uptime commitments: https://aws.amazon.com/elasticloadbalancing/sla/ and https://aws.amazon.com/dynamodb/sla/
_BALANCER_SLA, _TABLE_SLA = 0.9999, 0.9999


def promises(settings: PaymentMigration, templates: Sequence[Template]) -> list[Promise]:
    """Return RPO, RTO, failover, retention and availability of the active side."""
    found = {one.name: one for one in database_promises(settings.promises, topology_of(settings), templates)}
    replaced = {"retention": _retention(settings)}
    if found["availability"].evidence == "derived" and settings.database.readers:
        replaced["availability"] = _availability(settings)
    return [replaced.get(name, one) for name, one in found.items()]


def _retention(settings: PaymentMigration) -> Promise:
    automated, plan = settings.database.backup_days, settings.backup.days
    kept, promised = min(automated, plan), days_of(settings.promises.retention)
    terms = (
        f"the least of {automated} days of automated backups and {plan} days of recovery points of both databases and "
        "the sessions"
    )
    return derived("retention", format_duration(settings.promises.retention), f"{kept}d", kept >= promised, terms)


def _availability(settings: PaymentMigration) -> Promise:
    promised, share = settings.promises.availability, _BALANCER_SLA * CLUSTER_SLA * _TABLE_SLA
    terms = (
        f"load balancer {format_percent(_BALANCER_SLA)} x Aurora, {settings.database.readers + 1} instances "
        f"{format_percent(CLUSTER_SLA)} x DynamoDB {format_percent(_TABLE_SLA)} = {format_percent(share)} a month "
        f"(published), without the applications, which are yours, and a cutover's freeze of up to "
        f"{format_duration(settings.cutover.freeze_limit)}"
    )
    return derived("availability", format_percent(promised), format_percent(share), share >= promised, terms)
