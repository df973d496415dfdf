"""What a handler works with, made once for each process from its environment: settings, clients, repository."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Protocol

from holdfast.backup.clock import SystemClock
from holdfast.backup.ports import Clock, Ledger
from holdfast.backup.repository import Repository, open_repository
from holdfast.backup.sources.s3 import S3Source
from holdfast.backup.stores.aws.chunk_index import DynamoChunkIndex
from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.dynamodb import Table
from holdfast.backup.stores.aws.kms_key import KmsKey
from holdfast.backup.stores.aws.ledger import DynamoLedger
from holdfast.backup.stores.aws.objects import S3Objects
from holdfast.backup.stores.aws.patience import Patience
from holdfast.vault.backup_queue import BackupQueue
from holdfast.vault.environment import Environment
from holdfast.vault.log import count
from holdfast.vault.notices import Notices
from holdfast.vault.runs import Runs
from holdfast.vault.users import User, find_users, ranked


class Context(Protocol):
    """What Lambda tells a handler of its invocation."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left before the process is stopped."""


@dataclass(frozen=True)
class Services:
    """Settings, clients and what is built of them; nothing is asked of AWS before it is used."""

    environment: Environment
    clients: Clients
    clock: Clock = field(default_factory=SystemClock)
    patience: Patience = field(default_factory=Patience)

    @cached_property
    def repository(self) -> Repository:
        """The vault's repository, opened with this region's key."""
        return open_repository(
            self.objects,
            self.index,
            self.ledger,
            [KmsKey(self.environment.key_arn, self.clients.kms)],
            clock=self.clock,
        )

    @cached_property
    def objects(self) -> S3Objects:
        """The repository's objects."""
        env = self.environment
        return S3Objects(self.clients.s3(), env.repository_bucket, env.repository_prefix, patience=self.patience)

    @cached_property
    def index(self) -> DynamoChunkIndex:
        """The chunk index."""
        env = self.environment
        client = self.clients.dynamodb()
        return DynamoChunkIndex(
            client,
            env.deduplication_table,
            env.metadata_table,
            hash_attribute=env.deduplication_key,
            patience=self.patience,
        )

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger."""
        return DynamoLedger(self.clients.dynamodb(), self.environment.metadata_table, patience=self.patience)

    @cached_property
    def metadata(self) -> Table:
        """The metadata table itself."""
        return Table(self.clients.dynamodb(), self.environment.metadata_table, self.patience)

    @cached_property
    def runs(self) -> Runs:
        """The runs."""
        return Runs(self.metadata)

    @cached_property
    def queue(self) -> BackupQueue:
        """The backup queue."""
        return BackupQueue(self.clients.sqs(), self.environment.queue_url, patience=self.patience)

    @cached_property
    def notices(self) -> Notices:
        """The topic."""
        return Notices(self.clients.sns(), self.environment.topic_arn)

    def users(self) -> list[User]:
        """Return everybody, in the order they are queued."""
        env = self.environment
        dynamodb = self.clients.dynamodb() if env.users_table else None
        found = find_users(
            self.clients.s3(), dynamodb, bucket=env.source_bucket, prefix=env.source_prefix, table=env.users_table
        )
        return ranked(found, env.priority_users)

    def source_of(self, user: str) -> S3Source:
        """Return the files of one user."""
        env = self.environment
        return S3Source(self.clients.s3(), env.source_bucket, f"{env.source_prefix}{user}/")

    def count(self, **metrics: float) -> None:
        """Publish metrics."""
        count(self.environment.metric_namespace, self.clock.now(), **metrics)

    def end_of(self, context: Context) -> datetime:
        """Return when this invocation is stopped."""
        return self.clock.now() + timedelta(milliseconds=context.get_remaining_time_in_millis())


@cache
def services() -> Services:
    """Return the services of this process."""
    return services_of(os.environ)


def services_of(variables: Mapping[str, str]) -> Services:
    """Return services that are told what `variables` say."""
    return Services(Environment(variables), Clients())
