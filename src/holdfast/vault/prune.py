"""Forgetting what is past retention, and reclaiming what nothing refers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from holdfast.backup.forget import forget
from holdfast.backup.prune import READERS, prune
from holdfast.backup.retention import Retention, plan_forget
from holdfast.errors import HoldfastError
from holdfast.vault.log import log
from holdfast.vault.notices import Subject
from holdfast.vault.services import Context, Services, services

SMALL_PACK = 1024 * 1024
MARGIN = timedelta(minutes=1)
WORKERS = 16
"""Requests under way at once: each waits a few milliseconds for S3 or DynamoDB."""


def handler(_event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Forget every snapshot older than the retention, but each user's newest, then prune; raise after telling."""
    vault = services()
    lease = vault.end_of(context) - vault.clock.now() + MARGIN
    return run(vault, owner=context.aws_request_id, lease=lease)


def run(vault: Services, *, owner: str, lease: timedelta) -> dict[str, Any]:
    """Forget, prune, count."""
    try:
        return _run(vault, owner, lease)
    except Exception as error:
        log("prune failed", kind=type(error).__name__, error=str(error))
        try:
            vault.notices.tell(Subject.NOT_PRUNED, error=str(error))
        except HoldfastError as untold:
            log("notice not sent", error=str(untold))
        raise


def _run(vault: Services, owner: str, lease: timedelta) -> dict[str, Any]:
    repository = vault.repository
    retention = Retention(within=timedelta(days=vault.environment.retention_days))
    plan = plan_forget(repository.ledger.completed(), retention, now=vault.clock.now())
    forgotten = forget(repository, plan)
    report = prune(repository, owner=owner, lease=lease, workers=WORKERS, readers=READERS)
    answer = {"forgotten": forgotten, "kept": len(plan.keep), **asdict(report)}
    log("pruned", **answer)
    classes = vault.index.size_classes()
    vault.count(
        ForgottenSnapshots=forgotten,
        DeletedPacks=report.packs_deleted,
        DeletedBytes=report.bytes_deleted,
        Packs=sum(classes.values()),
        SmallPacks=sum(count for size, count in classes.items() if size < SMALL_PACK),
    )
    return answer
