"""Notices to people, through one topic. Their subjects are a contract: mail filters match them."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from holdfast.backup.stores.aws.errors import aws_errors

MOST_BYTES = 200_000
"""SNS takes 256 KiB: https://docs.aws.amazon.com/general/latest/gr/sns.html"""


class Subject(StrEnum):
    """What a notice is about."""

    STARTED = "Daily Backup Initiated Successfully"
    SKIPPED = "Backup Skipped - Max Concurrent Reached"
    NOT_STARTED = "Backup Initiation Failed"
    FAILED = "Backup Failed"
    INCOMPLETE = "Backup Incomplete"
    RESTORED = "Restore Completed"
    NOT_RESTORED = "Restore Failed"
    DAMAGED = "Verification Failed"
    NOT_PRUNED = "Prune Failed"


class Notices:
    """Publishes to `topic_arn`; `client` is an SNS client."""

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def tell(self, subject: Subject, **facts: Any) -> None:
        """Publish a notice whose body is `facts` as JSON, one fact a line."""
        body = json.dumps(facts, indent=1, default=str, ensure_ascii=False)
        with aws_errors(f"SNS Publish to {self._topic_arn}"):
            self._client.publish(TopicArn=self._topic_arn, Subject=subject.value, Message=_cut(body))


def _cut(body: str) -> str:
    data = body.encode()
    return body if len(data) <= MOST_BYTES else data[:MOST_BYTES].decode(errors="ignore") + "\n..."
