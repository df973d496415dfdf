"""One user of one run: its message, and the ids of its attempts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from holdfast.backup.ids import SnapshotId
from holdfast.errors import InvalidRequest
from holdfast.vault.users import HIGH, NORMAL

BACKUP_TYPE = "INCREMENTAL"
MOST_USER_LETTERS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A message of the backup queue; `resumes` counts the messages this job has had before, for want of time."""

    user: str
    run: str
    priority: str = NORMAL
    resumes: int = 0

    def body(self) -> str:
        """Return the message's body."""
        body: dict[str, Any] = {
            "userId": self.user,
            "timestamp": self.run,
            "priority": self.priority,
            "backupType": BACKUP_TYPE,
        }
        return json.dumps(body | ({"resumes": self.resumes} if self.resumes else {}))

    def attributes(self) -> dict[str, dict[str, str]]:
        """Return the message's attributes."""
        return {
            "Priority": {"DataType": "String", "StringValue": self.priority},
            "BackupType": {"DataType": "String", "StringValue": BACKUP_TYPE},
        }

    def attempts(self, start: int = 0) -> Iterator[SnapshotId]:
        """Yield the ids of this job's attempts, from the `start`-th: the same in every process."""
        while True:
            parts = ("holdfast job", self.run, self.user, str(start))
            yield SnapshotId(hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32])
            start += 1


def parse_job(body: str) -> Job:
    """Return the job a message's body spells.

    Raises:
        InvalidRequest: it spells none; the message can never work.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the message is not JSON: {body[:80]!r}") from error
    if not isinstance(fields, dict):
        raise InvalidRequest(f"the message is not a JSON object: {body[:80]!r}")
    resumes = fields.get("resumes", 0)
    if type(resumes) is not int or resumes < 0:
        raise InvalidRequest(f"resumes must be a whole number, got {resumes!r}")
    return Job(
        user=check_user(fields.get("userId")),
        run=run_name(fields.get("timestamp")),
        priority=HIGH if fields.get("priority") == HIGH else NORMAL,
        resumes=resumes,
    )


def check_user(user: object) -> str:
    """Return `user` if it is the name of one folder.

    Raises:
        InvalidRequest: it is not, so that its prefix could be another user's.
    """
    if not isinstance(user, str) or not user or len(user) > MOST_USER_LETTERS or not user.isprintable():
        raise InvalidRequest(f"userId must be 1 to {MOST_USER_LETTERS} printable characters, got {user!r}")
    if "/" in user or user in (".", ".."):
        raise InvalidRequest(f"userId must be the name of one folder, got {user!r}")
    return user


def run_name(time: object) -> str:
    """Return the name of the run of an event's time: UTC, whole seconds.

    Raises:
        InvalidRequest: not a time with its zone.
    """
    if (found := moment(time)) is None:
        raise InvalidRequest(f"timestamp must be a time such as 2026-11-21T02:00:00Z, got {time!r}")
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: object) -> datetime | None:
    """Return the time that `text` spells, in UTC; None if it spells none, or none with its zone."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
