"""Moving dead letters back into the queue they came from, once their cause is mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holdfast.backup.ports import Clock
from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.backup.stores.aws.open import outputs_of
from holdfast.errors import NotFound, StoreUnavailable

OUTPUT = "DeadLetterQueueUrl"
RUNNING = ("RUNNING", "CANCELLING")
POLL_SECONDS = 1.0
MOST_POLLS = 3600


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many messages waited and how many were moved."""

    waiting: int
    moved: int


def replay(stack: str, *, clock: Clock, clients: Clients, region: str | None = None) -> Replayed:
    """Move every dead letter of a vault back to the backup queue, and return once they are there.

    SQS moves them itself, with their receive counts at zero; a job that is done is acknowledged without work.
    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html

    Raises:
        NotFound: no such stack, or not a vault's.
        StoreUnavailable: the move failed.
    """
    outputs = outputs_of(stack, region, clients)
    if OUTPUT not in outputs:
        raise NotFound(f"stack {stack!r} is no backup vault: it has no output {OUTPUT}; name the vault's stack")
    client: Any = clients.sqs(region)
    arn, waiting = _look(client, outputs[OUTPUT])
    if not waiting:
        return Replayed(0, 0)
    with aws_errors(f"SQS StartMessageMoveTask of {arn}"):
        client.start_message_move_task(SourceArn=arn)
    return Replayed(waiting, _await_end(client, arn, clock))


def _look(client: Any, url: str) -> tuple[str, int]:
    """Return a queue's ARN and how many messages are visible in it."""
    names = ["QueueArn", "ApproximateNumberOfMessages"]
    with aws_errors(f"SQS GetQueueAttributes of {url}"):
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return found["QueueArn"], int(found["ApproximateNumberOfMessages"])


def _await_end(client: Any, arn: str, clock: Clock) -> int:
    for _ in range(MOST_POLLS):
        with aws_errors(f"SQS ListMessageMoveTasks of {arn}"):
            task = client.list_message_move_tasks(SourceArn=arn, MaxResults=1)["Results"][0]
        if task["Status"] not in RUNNING:
            moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
            if task["Status"] != "COMPLETED":
                reason = task.get("FailureReason", task["Status"])
                raise StoreUnavailable(f"after {moved} dead letters the move failed: {reason}; run it again")
            return moved
        clock.sleep(POLL_SECONDS)
    raise StoreUnavailable(f"the move of dead letters is not done after {MOST_POLLS} s; look at it in the console")
