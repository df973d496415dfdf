"""Restoring one user's files, as of any kept snapshot, into the restore bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record
from holdfast.backup.repository import Repository
from holdfast.backup.restore import Progress, RestoreSummary, restore
from holdfast.backup.snapshots import resolve
from holdfast.backup.targets.s3 import S3Target
from holdfast.errors import DeadlineReached, HoldfastError, IntegrityError, InvalidRequest, NotFound
from holdfast.vault.jobs import check_user, moment
from holdfast.vault.log import log
from holdfast.vault.notices import Subject
from holdfast.vault.services import Context, Services, services

ENDING = timedelta(seconds=20)
"""Kept of an invocation's time for the notice and the answer."""
NAMED = 20
KEYS = ("user", "snapshot", "path", "at", "target_prefix")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """What to restore: a snapshot, or a user's newest one (not younger than `at`); all of it, or what is at `path`."""

    user: str | None = None
    snapshot: str | None = None
    path: str | None = None
    at: datetime | None = None
    target_prefix: str | None = None


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Restore what `event` asks for and return what was written where; raise if anything could not be."""
    vault = services()
    return run(event, vault, vault.end_of(context))


def run(event: Mapping[str, Any], vault: Services, end: datetime) -> dict[str, Any]:
    """Restore before `end`, count and tell."""
    try:
        return _run(parse_request(event), vault, end)
    except Exception as error:
        vault.count(FailedRestores=1)
        log("restore failed", request=dict(event), kind=type(error).__name__, error=str(error))
        _tell(vault, Subject.NOT_RESTORED, request=dict(event), error=str(error))
        raise


def parse_request(event: Mapping[str, Any]) -> RestoreRequest:
    """Return the request that an event spells.

    Raises:
        InvalidRequest: neither or both of user and snapshot, an unknown key, a time without a zone.
    """
    if unknown := sorted(set(event) - set(KEYS)):
        raise InvalidRequest(f"a restore takes {', '.join(KEYS)}; got {unknown[0]!r}")
    if wrong := [key for key in KEYS if not isinstance(event.get(key, ""), str)]:
        raise InvalidRequest(f"{wrong[0]} must be text, got {event[wrong[0]]!r}")
    if ("user" in event) == ("snapshot" in event):
        raise InvalidRequest("a restore takes either 'user' or 'snapshot'; give one of them")
    if "at" in event and "snapshot" in event:
        raise InvalidRequest("'at' chooses among a user's snapshots; leave it out with 'snapshot'")
    return RestoreRequest(
        user=check_user(event["user"]) if "user" in event else None,
        snapshot=event.get("snapshot"),
        path=event.get("path") or None,
        at=_time(event["at"]) if "at" in event else None,
        target_prefix=event.get("target_prefix"),
    )


def _time(text: str) -> datetime:
    if (found := moment(text)) is None:
        raise InvalidRequest(f"at must be a time such as 2026-11-21T02:00:00Z, got {text!r}")
    return found


def choose(repository: Repository, request: RestoreRequest) -> Record:
    """Return the record of the snapshot that is meant.

    Raises:
        NotFound: there is none, or none as old.
    """
    if request.snapshot is not None:
        id_ = resolve(repository, request.snapshot)
        return repository.ledger.get([id_])[id_]
    records = repository.ledger.completed(request.user)
    for record in records:
        if request.at is None or record.start <= request.at:
            return record
    oldest = f"; the oldest is of {records[-1].start.isoformat()}" if records else ""
    when = f" of {request.at.isoformat()} or before" if request.at else ""
    raise NotFound(f"user {request.user!r} has no snapshot{when}{oldest}")


def _run(request: RestoreRequest, vault: Services, end: datetime) -> dict[str, Any]:
    record = choose(vault.repository, request)
    bucket = vault.environment.restore_bucket
    prefix = request.target_prefix if request.target_prefix is not None else f"{record.user}/{record.id}"
    target = S3Target(vault.clients.s3(), bucket, prefix)
    path = request.path.encode() if request.path else None
    summary = restore(
        vault.repository, record.id, target, path=path, progress=lambda progress: _stop_in_time(progress, vault, end)
    )
    answer = _answer(record.id, record, summary, f"s3://{bucket}/{prefix.strip('/')}")
    log("restore ended", **answer)
    vault.count(
        RestoredFiles=summary.files, RestoredBytes=summary.bytes_written, RestoreSeconds=round(summary.seconds, 3)
    )
    if summary.failed_count:
        named = "; ".join(answer["failed"])
        raise IntegrityError(f"{summary.failed_count} of {record.user}'s files were not restored: {named}")
    _tell(vault, Subject.RESTORED, **answer)
    return answer


def _stop_in_time(progress: Progress, vault: Services, end: datetime) -> None:
    if vault.clock.now() >= end - ENDING:
        at = progress.path.decode(errors="replace")
        raise DeadlineReached(
            f"time ran out after {progress.files} files, at {at!r}; restore the rest by 'path', "
            "or all of it with `holdfast restore`, which has no time limit"
        )


def _answer(id_: SnapshotId, record: Record, summary: RestoreSummary, target: str) -> dict[str, Any]:
    return {
        "snapshot": id_,
        "user": record.user,
        "time": record.start.isoformat(),
        "target": target,
        "files": summary.files,
        "folders": summary.folders,
        "bytes": summary.bytes_written,
        "seconds": round(summary.seconds, 3),
        "failed": [f"{one.path.decode(errors='replace')}: {one.reason}" for one in summary.failed[:NAMED]],
        "warnings": list(summary.warnings[:NAMED]),
    }


def _tell(vault: Services, subject: Subject, **facts: Any) -> None:
    try:
        vault.notices.tell(subject, **facts)
    except HoldfastError as error:
        log("notice not sent", error=str(error))
