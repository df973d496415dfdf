"""Dropping snapshots from the list. Their bytes stay until `prune`."""

from __future__ import annotations

from holdfast.backup.repository import Repository
from holdfast.backup.retention import ForgetPlan


def forget(repository: Repository, plan: ForgetPlan) -> int:
    """Forget what the plan forgets and return how many; safe to repeat; a snapshot made meanwhile is not touched."""
    repository.ledger.forget([record.id for record in plan.forget])
    return len(plan.forget)
