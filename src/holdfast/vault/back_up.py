"""The worker: one snapshot a message, once, in as many steps as its time limit asks for.

What a crash between any two steps leaves is in `docs/design/vault-protocol.md`, "A job".
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from holdfast.backup.create_snapshot import SnapshotSummary, create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.backup.resume import bytes_noted
from holdfast.errors import (
    Conflict,
    DeadlineReached,
    HoldfastError,
    InvalidRequest,
    SourceUnreadable,
    StoreUnavailable,
)
from holdfast.vault.jobs import Job, parse_job
from holdfast.vault.log import log
from holdfast.vault.notices import Subject
from holdfast.vault.services import Context, Services, services

MOST_RESUMES = 20
LOOKED_AT = 8
"""Attempts looked up in one request; a job seldom has more than one."""
ENDING = timedelta(seconds=10)
"""Kept of an invocation's time for what follows the snapshot: the ledger's row, the continuation, the answer."""
LEAST = timedelta(seconds=20)
"""With less time than this left a job is not begun."""
FIRST_PAUSE, MOST_PAUSE = 30, 900
LAST_RECEIVE = 3
"""Receives after which the queue gives a message up (its redrive policy)."""
NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A received message."""

    id: str
    receipt: str
    body: str
    receives: int


class NotNow(HoldfastError):
    """Another worker is at this job until `until`."""

    retryable = True

    def __init__(self, until: datetime) -> None:
        super().__init__(f"another worker is at this job until {until.isoformat()}; it will be received again")
        self.until = until


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Back up the users of a batch; those reported as failed come back, the others are done for their run."""
    vault = services()
    end = vault.end_of(context)
    messages = [_message(record) for record in event["Records"]]
    failed = [message for message in messages if not work(message, vault, end)]
    return {"batchItemFailures": [{"itemIdentifier": message.id} for message in failed]}


def _message(record: Mapping[str, Any]) -> Message:
    return Message(
        id=record["messageId"],
        receipt=record["receiptHandle"],
        body=record["body"],
        receives=int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
    )


def work(message: Message, vault: Services, end: datetime) -> bool:
    """Do what one message asks for, before `end`; False if it must come back. Never raises: others are in its batch."""
    try:
        job = parse_job(message.body)
    except InvalidRequest as error:
        log("message rejected", message=message.id, error=str(error))
        vault.count(RejectedMessages=1)
        return _come_back(message, vault, 0)
    try:
        _do(job, vault, end)
    except NotNow as error:
        log("job is at work elsewhere", user=job.user, run=job.run, until=error.until)
        return _come_back(message, vault, (error.until - vault.clock.now()).total_seconds())
    except HoldfastError as error:
        return _failed(message, job, vault, error)
    except Exception as error:  # noqa: BLE001 - an entry point: one message's bug must not fail the batch
        log("unexpected error", trace=traceback.format_exc())
        return _failed(message, job, vault, error)
    return True


def _do(job: Job, vault: Services, end: datetime) -> None:
    """Make the job's snapshot unless it is made; raise whatever keeps it from being made now."""
    seen = _attempts_of(job, vault)
    if seen.done:
        log("job was done already", user=job.user, run=job.run, snapshot=seen.done)
        return
    now = vault.clock.now()
    if end - now < LEAST:
        _go_on_later(job, vault)
        return
    try:
        summary = create_snapshot(
            vault.repository,
            vault.source_of(job.user),
            user=job.user,
            host=vault.environment.source_bucket,
            tags=(f"run:{job.run}",),
            lease=end - now,
            deadline=end - ENDING,
            new_id=job.attempts(seen.count).__next__,
            resume=seen.resume,
        )
    except DeadlineReached as error:
        if job.resumes >= MOST_RESUMES:
            raise
        log("job goes on later", user=job.user, run=job.run, resumes=job.resumes + 1, reason=str(error))
        vault.count(ResumedBackups=1)
        _go_on_later(replace(job, resumes=job.resumes + 1), vault)
        return
    _report(job, summary, vault)


@dataclass(frozen=True, slots=True)
class _Attempts:
    """How many attempts a job has had, the one that noted most, and the one that made its snapshot, if it is made."""

    count: int = 0
    resume: SnapshotId | None = None
    done: SnapshotId | None = None


def _attempts_of(job: Job, vault: Services) -> _Attempts:
    """Look the job's attempts up.

    Raises:
        NotNow: one is at work, with a lease that has not ended.
    """
    count, resume, most = 0, None, -1
    while True:
        ids = list(islice(job.attempts(count), LOOKED_AT))
        found = vault.ledger.get(ids)
        for id_ in ids:
            if id_ not in found:
                return _Attempts(count, resume)
            if found[id_].status in (Status.COMPLETED, Status.FORGOTTEN):
                return _Attempts(done=id_)
            _refuse_if_at_work(found[id_], vault)
            count += 1
            if (noted := bytes_noted(found[id_])) >= max(most, 0):
                resume, most = id_, noted


def _refuse_if_at_work(record: Record, vault: Services) -> None:
    now = vault.clock.now()
    if record.status is Status.RUNNING and record.lease_until >= now:
        raise NotNow(record.lease_until)
    if record.status is Status.RUNNING:
        vault.ledger.abandon(record.id, now)


def _go_on_later(job: Job, vault: Services) -> None:
    """Send the job as a new message: receiving the same one again would count towards its end as a dead letter."""
    if vault.queue.send([job]):
        raise StoreUnavailable(f"the rest of user {job.user}'s backup could not be queued; it will be received again")


def _report(job: Job, summary: SnapshotSummary, vault: Services) -> None:
    log(
        "backup completed",
        user=job.user,
        run=job.run,
        snapshot=summary.snapshot,
        files=summary.files,
        unchanged=summary.files_unchanged,
        seconds=round(summary.seconds, 3),
    )
    vault.count(
        CompletedBackups=1,
        BackupSeconds=summary.seconds,
        Files=summary.files,
        SkippedFiles=summary.skipped_count,
        BytesRead=summary.bytes_read,
        BytesAdded=summary.bytes_added,
        BytesStored=summary.bytes_stored,
    )
    if summary.skipped_count:
        _tell_skipped(job, summary, vault)
    if summary.skipped_count and not summary.files:
        raise SourceUnreadable(f"none of user {job.user}'s {summary.skipped_count} files could be read")


def _tell_skipped(job: Job, summary: SnapshotSummary, vault: Services) -> None:
    named = [f"{skipped.path.decode(errors='replace')}: {skipped.reason}" for skipped in summary.skipped[:NAMED]]
    log("files skipped", user=job.user, run=job.run, count=summary.skipped_count, files=named)
    try:
        vault.notices.tell(
            Subject.INCOMPLETE, user=job.user, run=job.run, snapshot=summary.snapshot, skipped=summary.skipped_count,
            files=named,
        )  # fmt: skip
    except HoldfastError as error:  # the snapshot stands, and the log tells the same
        log("notice not sent", error=str(error))


def _failed(message: Message, job: Job, vault: Services, error: Exception) -> bool:
    """Count and tell a failure, and let the message come back, later each time."""
    retryable = isinstance(error, HoldfastError) and error.retryable
    log(
        "backup failed",
        user=job.user,
        run=job.run,
        receives=message.receives,
        kind=type(error).__name__,
        error=str(error),
    )
    if isinstance(error, Conflict):
        return _come_back(message, vault, FIRST_PAUSE)
    vault.count(FailedBackups=1)
    if not retryable or message.receives >= LAST_RECEIVE:
        try:
            vault.notices.tell(Subject.FAILED, user=job.user, run=job.run, receives=message.receives, error=str(error))
        except HoldfastError as untold:
            log("notice not sent", error=str(untold))
    return _come_back(message, vault, min(FIRST_PAUSE * 2 ** (message.receives - 1), MOST_PAUSE))


def _come_back(message: Message, vault: Services, seconds: float) -> bool:
    """Say when a message is received again; without that, when its time is up."""
    try:
        vault.queue.come_back(message.receipt, seconds)
    except HoldfastError as error:
        log("message comes back when its time is up", error=str(error))
    return False
