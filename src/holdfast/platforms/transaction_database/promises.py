"""The platform's promises. Pure; no CDK here."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.platforms.database_promises import Topology, database_promises
from holdfast.platforms.promises import Promise, Template
from holdfast.settings.transaction_database import READERS, ZONES, TransactionDatabase


def promises(settings: TransactionDatabase, templates: Sequence[Template]) -> list[Promise]:
    """Return RPO, RTO, failover, retention and availability, for the parameters' defaults."""
    return database_promises(settings.promises, topology_of(settings), templates)


def topology_of(settings: TransactionDatabase) -> Topology:
    """Return what the settings are going to build."""
    return Topology(readers=READERS, zones=ZONES, backup_days=settings.database.backup_days)
