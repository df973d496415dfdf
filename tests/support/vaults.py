"""A whole vault on the embedded AWS, run in this process: buckets, tables, queues, topic, keys and the handlers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.config import Config

from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.patience import Patience
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.vault.back_up import Message, work
from holdfast.vault.create import ensure_repository
from holdfast.vault.dispatch import dispatch
from holdfast.vault.environment import Environment
from holdfast.vault.services import Services
from tests.support.aws_stores import AwsStores, make_stores
from tests.support.clocks import FakeClock

HOME, AWAY = "us-east-1", "us-west-2"
EVENING = datetime(2026, 11, 21, 2, tzinfo=UTC)
TIME_LIMIT = timedelta(seconds=150)


class EmulatedClients(Clients):
    """The embedded AWS's clients in place of those of the process; with `once` they do not retry."""

    def __init__(self, aws: EmbeddedAws, *, once: bool = False) -> None:
        super().__init__()
        self._aws = aws
        self._once = once
        self.replaced: dict[str, Any] = {}

    def _make(self, service: str, region: str | None) -> Any:
        if not self._once:
            return self._aws.client(service, region or HOME)
        return self._new(service, region, Config(retries={"total_max_attempts": 1}))

    def another(self, service: str, region: str | None = None) -> Any:
        return self._new(service, region, Config())

    def _new(self, service: str, region: str | None, config: Config) -> Any:
        settings = self._aws.environment(region or HOME)
        return self._session.create_client(
            service,
            region_name=region or HOME,
            endpoint_url=settings["AWS_ENDPOINT_URL"],
            aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            config=config,
        )

    def __call__(self, service: str, region: str | None = None) -> Any:
        return self.replaced.get(service) or super().__call__(service, region)


@dataclass
class World:
    """The vault and what is around it. Messages are handed to the worker by hand, as Lambda would."""

    aws: EmbeddedAws
    stores: AwsStores
    services: Services
    clients: EmulatedClients
    clock: FakeClock
    source: str
    restored: str
    queue: str
    mailbox: str
    keys: tuple[str, str]
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def put(self, user: str, name: str, data: bytes, **extra: Any) -> None:
        """Put a file of a user."""
        self.aws.client("s3", HOME).put_object(Bucket=self.source, Key=f"users/{user}/{name}", Body=data, **extra)

    def dispatch(self, at: datetime = EVENING, owner: str = "invocation-1") -> dict[str, Any]:
        """Run the initiator for the event of `at`."""
        return dispatch({"time": at.isoformat().replace("+00:00", "Z")}, owner, self.services)

    def receive(self) -> list[Message]:
        """Receive every message that is visible."""
        found: list[Message] = []
        client = self.aws.client("sqs", HOME)
        while True:
            answer = client.receive_message(
                QueueUrl=self.queue,
                MaxNumberOfMessages=10,
                VisibilityTimeout=900,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
            if not answer.get("Messages"):
                return found
            found += [
                Message(
                    id=message["MessageId"],
                    receipt=message["ReceiptHandle"],
                    body=message["Body"],
                    receives=int(message["Attributes"]["ApproximateReceiveCount"]),
                )
                for message in answer["Messages"]
            ]

    def work(self, *, limit: timedelta = TIME_LIMIT) -> list[bool]:
        """Receive and work until nothing is visible; return what became of each message, acknowledging the done."""
        outcomes: list[bool] = []
        while messages := self.receive():
            for message in messages:
                done = work(message, self.services, self.clock.now() + limit)
                outcomes.append(done)
                if done:
                    self.aws.client("sqs", HOME).delete_message(QueueUrl=self.queue, ReceiptHandle=message.receipt)
        return outcomes

    def notices(self) -> list[tuple[str, dict[str, Any]]]:
        """Return every notice so far: subject and facts."""
        client = self.aws.client("sqs", HOME)
        while messages := client.receive_message(QueueUrl=self.mailbox, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                envelope = json.loads(message["Body"])
                self.told.append((envelope["Subject"], json.loads(envelope["Message"])))
                client.delete_message(QueueUrl=self.mailbox, ReceiptHandle=message["ReceiptHandle"])
        return self.told

    def subjects(self) -> list[str]:
        """Return the subjects of the notices so far."""
        return [subject for subject, _ in self.notices()]

    def restored_files(self, prefix: str) -> dict[str, bytes]:
        """Return what stands below a prefix of the restore bucket."""
        return read_bucket(self.aws, self.restored, prefix)

    def with_environment(self, **changes: str) -> Services:
        """Return services that are told something else."""
        values = {**self.services.environment.values, **changes}
        return Services(Environment(values), self.clients, clock=self.clock, patience=self.services.patience)

    def new_process(self, clients: EmulatedClients | None = None) -> None:
        """Forget whatever a process remembers, as after a crash; go on with other clients if given."""
        self.clients = clients or EmulatedClients(self.aws)
        self.services = self.with_environment()


def make_world(aws: EmbeddedAws, **changes: str) -> World:
    """Make a vault with an empty repository and no user."""
    stores = make_stores(aws)
    name = stores.bucket
    s3, sqs, sns = (aws.client(service, HOME) for service in ("s3", "sqs", "sns"))
    for bucket in (f"{name}-source", f"{name}-restored"):
        s3.create_bucket(Bucket=bucket)
    queue = sqs.create_queue(QueueName=f"{name}-jobs", Attributes={"VisibilityTimeout": "900"})["QueueUrl"]
    mailbox = sqs.create_queue(QueueName=f"{name}-mailbox")["QueueUrl"]
    topic = sns.create_topic(Name=f"{name}-topic")["TopicArn"]
    mailbox_arn = sqs.get_queue_attributes(QueueUrl=mailbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=mailbox_arn)
    keys = tuple(aws.client("kms", region).create_key()["KeyMetadata"]["Arn"] for region in (HOME, AWAY))
    values = {
        "BACKUP_QUEUE_URL": queue,
        "METADATA_TABLE": stores.metadata,
        "DEDUPLICATION_TABLE": stores.deduplication,
        "NOTIFICATION_TOPIC_ARN": topic,
        "MAX_CONCURRENT_BACKUPS": "10",
        "HOLDFAST_REPOSITORY_BUCKET": name,
        "HOLDFAST_REPOSITORY_PREFIX": stores.prefix,
        "HOLDFAST_KEY_ARN": keys[0],
        "HOLDFAST_SOURCE_BUCKET": f"{name}-source",
        "HOLDFAST_SOURCE_PREFIX": "users/",
        "HOLDFAST_PRIORITY_USERS": "2",
        "HOLDFAST_RETENTION_DAYS": "60",
        "HOLDFAST_RESTORE_BUCKET": f"{name}-restored",
        "HOLDFAST_METRIC_NAMESPACE": "Holdfast/Test",
        **changes,
    }
    clients, clock = EmulatedClients(aws), FakeClock(EVENING, step=timedelta(milliseconds=1))
    patience = Patience(sleep=stores.pauses.append, fraction=lambda: 1.0)
    services = Services(Environment(values), clients, clock=clock, patience=patience)
    properties = {"Bucket": name, "Prefix": stores.prefix, "KeyArn": keys[0], "ReplicaKeyArn": keys[1]}
    ensure_repository(properties, clients, clock)
    return World(
        aws=aws,
        stores=stores,
        services=services,
        clients=clients,
        clock=clock,
        source=f"{name}-source",
        restored=f"{name}-restored",
        queue=queue,
        mailbox=mailbox,
        keys=(keys[0], keys[1]),
    )


def read_bucket(aws: EmbeddedAws, bucket: str, prefix: str = "") -> dict[str, bytes]:
    """Return key below `prefix` and bytes of every object."""
    client = aws.client("s3", HOME)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    return {key.removeprefix(prefix): client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def metrics(printed: str) -> dict[str, float]:
    """Return the sums of the metrics among printed lines."""
    sums: dict[str, float] = {}
    for line in printed.splitlines():
        fields: Mapping[str, Any] = json.loads(line)
        for directive in fields.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                sums[metric["Name"]] = sums.get(metric["Name"], 0) + fields[metric["Name"]]
    return sums


def with_users(world: World, *names: str) -> World:
    for name in names:
        world.put(name, "notes.txt", f"notes of {name}".encode())
    return world


def sent(world: World) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Body and attributes of every waiting message, which become visible again at once."""
    client = world.aws.client("sqs", HOME)
    found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    while messages := client.receive_message(
        QueueUrl=world.queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=900
    ).get("Messages"):
        for one in messages:
            found[one["ReceiptHandle"]] = (json.loads(one["Body"]), one["MessageAttributes"])
    for receipt in found:
        client.change_message_visibility(QueueUrl=world.queue, ReceiptHandle=receipt, VisibilityTimeout=0)
    return list(found.values())
