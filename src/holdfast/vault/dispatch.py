"""The initiator: queues one job a user for the run of its event, never a user twice.

The order of writes is that of `docs/design/vault-protocol.md`, "A run".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from holdfast.backup.stores.aws.dynamodb import grouped, text
from holdfast.backup.stores.aws.rows import STATUS_INDEX, record_of
from holdfast.errors import Conflict, HoldfastError, StoreUnavailable
from holdfast.vault.backup_queue import MOST_ENTRIES
from holdfast.vault.jobs import Job, run_name
from holdfast.vault.log import log
from holdfast.vault.notices import Subject
from holdfast.vault.runs import Run
from holdfast.vault.services import Context, Services, services
from holdfast.vault.users import User, after

SAMPLE = 100
NAMED = 20
"""Users an error names; the log names all."""


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Queue every user once for the event's run; a repeated event queues what is missing, or nothing."""
    return dispatch(event, context.aws_request_id, services())


def dispatch(event: Mapping[str, Any], owner: str, vault: Services) -> dict[str, Any]:
    """Queue the run and tell; on any error tell that, and raise, so that the event is repeated."""
    try:
        return _dispatch(run_name(event.get("time") or vault.clock.now().isoformat()), owner, vault)
    except Conflict:  # another invocation is at it: nothing has failed, but someone must look again
        raise
    except Exception as error:
        log("run not queued", error=str(error), kind=type(error).__name__)
        try:
            vault.notices.tell(Subject.NOT_STARTED, error=str(error))
        except HoldfastError as untold:
            log("notice not sent", error=str(untold))
        raise


def _dispatch(name: str, owner: str, vault: Services) -> dict[str, Any]:
    begun = vault.runs.get(name)
    if begun and begun.queued:
        return _answer(f"Run {name} was queued already", begun.sent, queued=0)
    most = vault.environment.max_concurrent_backups
    if begun is None and (running := count_running(vault)) >= most:
        vault.notices.tell(Subject.SKIPPED, run=name, running=running, maximum=most)
        vault.count(SkippedRuns=1)
        return _answer(f"Run {name} skipped: {running} of at most {most} backups are running", 0, queued=0)
    users = vault.users()
    run = vault.runs.claim(name, owner, vault.clock.now())
    before = run.sent
    try:
        run = _queue(run, users, vault)
    finally:
        vault.count(QueuedBackups=run.sent - before)
    estimate = estimated_completion(vault, len(users))
    vault.notices.tell(Subject.STARTED, run=name, users=run.sent, estimatedCompletionTime=estimate)
    vault.runs.finish(run, vault.clock.now())
    return _answer(f"Successfully queued {run.sent} backups", run.sent, queued=run.sent - before, estimate=estimate)


def _answer(message: str, total: int, *, queued: int, estimate: str | None = None) -> dict[str, Any]:
    log("run", message=message, users=total, queued=queued)
    return {
        "statusCode": 200,
        "message": message,
        "totalUsers": total,
        "queued": queued,
        "estimatedCompletionTime": estimate,
    }


def _queue(run: Run, users: list[User], vault: Services) -> Run:
    """Send those refused before, then those after the last one sent, ten at a time, recording each step."""
    for users_sent, again in _batches(run, users):
        jobs = [Job(user=user.name, run=run.name, priority=user.priority) for user in users_sent]
        refused_names = {job.user for job in vault.queue.send(jobs)}
        refused = [user for user in users_sent if user.name in refused_names]
        if len(refused) == len(users_sent) and not again:
            vault.runs.release(run, vault.clock.now())
            raise StoreUnavailable(f"the backup queue took none of {len(refused)} messages; the event will be repeated")
        waiting = [user for user in run.refused if user not in users_sent] if again else run.refused
        run = replace(
            run,
            last=run.last if again else users_sent[-1],
            refused=(*waiting, *refused),
            sent=run.sent + len(users_sent) - len(refused),
        )
        vault.runs.progress(run, vault.clock.now())
    if run.refused:
        vault.runs.release(run, vault.clock.now())
        names = ", ".join(user.name for user in run.refused[:NAMED])
        raise StoreUnavailable(f"{len(run.refused)} users could not be queued ({names}); the event will be repeated")
    return run


def _batches(run: Run, users: list[User]) -> Iterator[tuple[list[User], bool]]:
    """Yield users in tens, and whether they are sent again because they were refused before."""
    yield from ((batch, True) for batch in grouped(run.refused, MOST_ENTRIES))
    yield from ((batch, False) for batch in grouped(after(users, run.last), MOST_ENTRIES))


def count_running(vault: Services) -> int:
    """Return how many backups are at work: RUNNING, with a lease that has not ended."""
    now = vault.clock.now()
    return sum(record.lease_until > now for record in vault.ledger.active())


def estimated_completion(vault: Services, users: int) -> str | None:
    """Return when the run should end, by the mean duration of the newest completed backups; None if there is none."""
    newest = vault.metadata.query_index(
        STATUS_INDEX,
        KeyConditionExpression="#status = :completed",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":completed": text("COMPLETED")},
        ScanIndexForward=False,
        Limit=SAMPLE,
    )
    records = [record_of(item) for item in islice(newest, SAMPLE)]
    durations = [record.finished - record.start for record in records if record.finished]
    if not durations:
        return None
    mean = sum(durations, timedelta()) / len(durations)
    end: datetime = vault.clock.now() + mean * users / vault.environment.max_concurrent_backups
    return end.isoformat(timespec="seconds")
