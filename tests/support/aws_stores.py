"""The vault's tables, bucket and keys on the embedded AWS, and the adapters over them."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from typing import Any

from holdfast.backup.stores.aws.chunk_index import DynamoChunkIndex
from holdfast.backup.stores.aws.ledger import DynamoLedger
from holdfast.backup.stores.aws.objects import S3Objects
from holdfast.backup.stores.aws.patience import Patience
from holdfast.backup.stores.aws.rows import HASH
from holdfast.rehearsal.ports import EmbeddedAws

_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class AwsStores:
    """Fresh stores; `pauses` collects every wait that an adapter asked for."""

    aws: EmbeddedAws
    region: str
    bucket: str
    prefix: str
    metadata: str
    deduplication: str
    hash_attribute: str
    pauses: list[float]

    @property
    def patience(self) -> Patience:
        """Waits without waiting."""
        return Patience(sleep=self.pauses.append, fraction=lambda: 1.0)

    @property
    def objects(self) -> S3Objects:
        """The object store."""
        return S3Objects(self.aws.client("s3", self.region), self.bucket, self.prefix, patience=self.patience)

    @property
    def index(self) -> DynamoChunkIndex:
        """The chunk index."""
        client = self.aws.client("dynamodb", self.region)
        return DynamoChunkIndex(
            client, self.deduplication, self.metadata, hash_attribute=self.hash_attribute, patience=self.patience
        )

    @property
    def ledger(self) -> DynamoLedger:
        """The ledger."""
        return DynamoLedger(self.aws.client("dynamodb", self.region), self.metadata, patience=self.patience)

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return every row of a table."""
        pages = self.aws.client("dynamodb", self.region).get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"]]


def make_stores(aws: EmbeddedAws, region: str = "us-east-1", hash_attribute: str = HASH) -> AwsStores:
    """Create a bucket and the two tables as the platform declares them, under names of their own."""
    name = f"test-{uuid.uuid4().hex[:8]}-{next(_numbers)}"
    stores = AwsStores(
        aws=aws,
        region=region,
        bucket=name,
        prefix="backups/",
        metadata=f"{name}-metadata",
        deduplication=f"{name}-deduplication",
        hash_attribute=hash_attribute,
        pauses=[],
    )
    aws.client("s3", region).create_bucket(Bucket=name)
    make_tables(aws.client("dynamodb", region), stores.metadata, stores.deduplication, hash_attribute)
    return stores


def make_tables(client: Any, metadata: str, deduplication: str, hash_attribute: str = HASH) -> None:
    """Create the two tables with their indexes."""
    client.create_table(
        TableName=metadata,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=_keys("backupId", "timestamp"),
        AttributeDefinitions=_attributes(backupId="S", timestamp="S", status="S", userId="S"),
        GlobalSecondaryIndexes=[_index("StatusIndex", "status"), _index("UserIndex", "userId")],
    )
    client.create_table(
        TableName=deduplication,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=_keys(hash_attribute),
        AttributeDefinitions=_attributes(**{hash_attribute: "S", "fileSize": "N"}),
        GlobalSecondaryIndexes=[_index("SizeIndex", "fileSize", hash_attribute)],
    )


def _keys(partition: str, sort: str | None = None) -> list[dict[str, str]]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*keys, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else keys


def _attributes(**types: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": type_} for name, type_ in types.items()]


def _index(name: str, partition: str, sort: str = "timestamp") -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": _keys(partition, sort), "Projection": {"ProjectionType": "ALL"}}
