"""The backup queue: jobs sent in tens, and messages told when to come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.backup.stores.aws.patience import Patience
from holdfast.vault.jobs import Job
from holdfast.vault.log import log

MOST_ENTRIES = 10
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
MOST_SECONDS = 43_200


class BackupQueue:
    """The queue at `url`; `client` is an SQS client."""

    def __init__(self, client: Any, url: str, *, patience: Patience | None = None) -> None:
        self._client = client
        self._url = url
        self._patience = patience or Patience(attempts=5, base_seconds=0.2)

    def send(self, jobs: Sequence[Job]) -> list[Job]:
        """Send up to ten jobs, those that failed again and again; return the jobs that were never taken."""
        left = dict(enumerate(jobs))
        for attempt in range(self._patience.attempts):
            failed = self._send_once(left)
            left = {at: job for at, job in left.items() if at in failed}
            if not left:
                return []
            log("messages were not taken", users=[job.user for job in left.values()], reasons=failed)
            if attempt + 1 < self._patience.attempts:
                self._patience.pause(attempt)
        return list(left.values())

    def _send_once(self, jobs: dict[int, Job]) -> dict[int, str]:
        """Return the numbers of the jobs that were not taken, with the queue's reason."""
        entries = [
            {"Id": str(at), "MessageBody": job.body(), "MessageAttributes": job.attributes()}
            for at, job in jobs.items()
        ]
        with aws_errors(f"SQS SendMessageBatch to {self._url}"):
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return {int(entry["Id"]): str(entry.get("Code", "")) for entry in answer.get("Failed", [])}

    def come_back(self, receipt: str, seconds: float) -> None:
        """Let a message be received again in `seconds`, no later than its time allows."""
        with aws_errors(f"SQS ChangeMessageVisibility of {self._url}"):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=round(min(max(seconds, 0), MOST_SECONDS))
            )
