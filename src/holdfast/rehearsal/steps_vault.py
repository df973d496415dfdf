"""The deployed vault as its operator sees it: names, queues, functions, and its repository in either region."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.backup.ports import Clock
from holdfast.backup.repository import Repository, open_repository
from holdfast.backup.stores.aws.chunk_index import DynamoChunkIndex
from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.kms_key import KmsKey
from holdfast.backup.stores.aws.ledger import DynamoLedger
from holdfast.backup.stores.aws.objects import S3Objects
from holdfast.errors import HoldfastError
from holdfast.platforms.backup_system.names import REPOSITORY_PREFIX, BackupNames, names_of
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.settings import variables as var
from holdfast.settings.backup_engine import BackupSettings


class EmbeddedClients(Clients):
    """The SDK clients of the embedded AWS, for what an operator's verb does."""

    def __init__(self, aws: EmbeddedAws) -> None:
        super().__init__()
        self._aws = aws

    def __call__(self, service: str, region: str | None = None) -> Any:
        """Return the client of a service in `region`."""
        assert region is not None, "the embedded AWS has no default region"
        return self._aws.client(service, region)


class FunctionFailed(HoldfastError):
    """A function of the vault that was invoked on purpose ended with an error."""


@dataclass(frozen=True, kw_only=True)
class Vault:
    """One deployed vault; everything it says comes from the deployed functions' own environment."""

    aws: EmbeddedAws
    settings: BackupSettings
    names: BackupNames
    worker: Mapping[str, str]
    dead_letter_url: str

    @property
    def region(self) -> str:
        """Where the vault works."""
        return self.settings.region

    @property
    def replica_region(self) -> str:
        """Where its replica is."""
        return self.settings.replica_region

    def ledger(self) -> DynamoLedger:
        """Return who is at work and what is acknowledged."""
        return DynamoLedger(self.aws.client("dynamodb", self.region), self.names.metadata_table)

    def repository(self, clock: Clock) -> Repository:
        """Open the repository in the primary region."""
        dynamodb = self.aws.client("dynamodb", self.region)
        index = DynamoChunkIndex(
            dynamodb,
            self.names.deduplication_table,
            self.names.metadata_table,
            hash_attribute=self.worker.get(var.DEDUPLICATION_KEY, var.USUAL_DEDUPLICATION_KEY),
        )
        key = KmsKey(self.worker[var.KEY_ARN], self._kms)
        return open_repository(
            self.objects(self.region, self.names.primary_bucket), index, self.ledger(), [key], clock=clock
        )

    def objects(self, region: str, bucket: str) -> S3Objects:
        """Return the repository's objects in one region."""
        return S3Objects(self.aws.client("s3", region), bucket, REPOSITORY_PREFIX)

    @property
    def queue_url(self) -> str:
        """The backup queue."""
        return self.worker[var.BACKUP_QUEUE_URL]

    def replica_key(self) -> KmsKey:
        """Return the key that opens the replica, found without the primary region."""
        ssm = self.aws.client("ssm", self.replica_region)
        arn = ssm.get_parameter(Name=self.names.replica_key_parameter)["Parameter"]["Value"]
        return KmsKey(arn, self._kms)

    def _kms(self, region: str) -> Any:
        return self.aws.client("kms", region)

    def invoke(self, role: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function as an operator does and return its answer.

        Raises:
            FunctionFailed: it ended with an error, which is told.
        """
        name = self.names.function(role)
        answer = self.aws.client("lambda", self.region).invoke(FunctionName=name, Payload=json.dumps(event))
        payload = json.load(answer["Payload"])
        if "FunctionError" in answer:
            raise FunctionFailed(f"{name} failed: {payload.get('errorType')}: {payload.get('errorMessage')}")
        return payload

    def waiting(self, url: str) -> tuple[int, int]:
        """Return how many messages a queue holds: those to be taken, and those taken and not yet deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        sqs = self.aws.client("sqs", self.region)
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])


def find_vault(aws: EmbeddedAws, settings: BackupSettings) -> Vault:
    """Return the vault that was just deployed."""
    names = names_of(settings, aws.account, "aws")
    lambdas = aws.client("lambda", settings.region)

    worker = lambdas.get_function_configuration(FunctionName=names.function("worker"))["Environment"]["Variables"]
    sqs = aws.client("sqs", settings.region)
    redrive = sqs.get_queue_attributes(QueueUrl=worker[var.BACKUP_QUEUE_URL], AttributeNames=["RedrivePolicy"])
    dead_letters = json.loads(redrive["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
    url = sqs.get_queue_url(QueueName=dead_letters)["QueueUrl"]
    return Vault(aws=aws, settings=settings, names=names, worker=worker, dead_letter_url=url)
