"""Encrypted queues."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

MAX_RETENTION_DAYS = 14  # SQS keeps nothing longer.


class DeadLetterQueue(Construct):
    """Where messages wait that could not be handled: as long as SQS can keep them."""

    def __init__(self, scope: Construct, id_: str, *, name: str, key: kms.IKey) -> None:
        super().__init__(scope, id_)
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=name,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            retention_period=Duration.days(MAX_RETENTION_DAYS),
            visibility_timeout=Duration.seconds(300),
            enforce_ssl=True,
        )


class WorkQueue(Construct):
    """A long-polled queue whose messages move to `dead_letters` after three receives."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        key: kms.IKey,
        dead_letters: sqs.IQueue,
        visibility_seconds: int,
        retention_days: int | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=name,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            visibility_timeout=Duration.seconds(visibility_seconds),
            retention_period=Duration.days(retention_days) if retention_days else None,
            receive_message_wait_time=Duration.seconds(20),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=3),
            enforce_ssl=True,
        )
