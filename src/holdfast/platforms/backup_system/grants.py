"""What each function may do: named ARNs, named actions, no right to delete but for `prune`.

The worker ends its own lease by deleting one small row of the metadata table; the condition on the key keeps it from
every other row. Nobody may delete a version of an object: only the bucket's lifecycle does, after the lock has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from holdfast.platforms.backup_system.names import REPOSITORY_PREFIX
from holdfast.platforms.constructs.function import allow

ACTIVE_ROWS = "active#*"
_READS = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"]
# What the event source needs of the role, and putting back what did not fit into one invocation.
# Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_CONSUME = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ChangeMessageVisibility",
    "sqs:SendMessage",
]


@dataclass(frozen=True, kw_only=True)
class Things:
    """ARNs of what the functions use."""

    primary_bucket: str
    source_bucket: str
    source_prefix: str
    restore_bucket: str
    metadata_table: str
    deduplication_table: str
    users_table: str | None
    key: str
    source_key: str | None
    replica_key: str
    queue: str
    lost_events: str
    topic: str


def initiator(things: Things) -> list[iam.PolicyStatement]:
    """Find users, count what runs, claim the run, queue it, tell."""
    found = [
        _list("ListUsers", things.source_bucket, things.source_prefix),
        allow(
            "CountAndClaim",
            [*_READS, "dynamodb:PutItem", "dynamodb:UpdateItem"],
            _with_indexes(things.metadata_table),
        ),
        allow("Queue", ["sqs:SendMessage", "sqs:GetQueueAttributes"], [things.queue]),
        # Lambda itself puts an event there that failed for good, with this role.
        allow("LoseNoEvent", ["sqs:SendMessage"], [things.lost_events]),
        _tell(things),
        _use_key(things),
    ]
    if things.users_table:
        found.append(allow("ReadUsers", ["dynamodb:Scan"], [things.users_table]))
    return found


def worker(things: Things) -> list[iam.PolicyStatement]:
    """Read one user's files, add objects and rows, end the own lease; replace and delete nothing."""
    found = [
        _list("ListSource", things.source_bucket, things.source_prefix),
        allow("ReadSource", ["s3:GetObject"], [f"{things.source_bucket}/{things.source_prefix}*"]),
        *_repository(things, "s3:GetObject"),
        _on_objects("AddObjects", things, ["s3:PutObject"], "packs/", "snapshots/"),
        _rows(things),
        _chunk_rows(things, "dynamodb:PartiQLInsert"),
        _end_lease(things),
        allow("TakeJobs", _CONSUME, [things.queue]),
        _tell(things),
        _use_key(things),
    ]
    if things.source_key:
        found.append(allow("DecryptSource", ["kms:Decrypt"], [things.source_key]))
    return found


def restore(things: Things) -> list[iam.PolicyStatement]:
    """Read the repository, write into the restore bucket."""
    return [
        *_repository(things, "s3:GetObject"),
        allow("WriteRestored", ["s3:PutObject", "s3:AbortMultipartUpload"], [f"{things.restore_bucket}/*"]),
        _read_rows(things),
        _tell(things),
        _use_key(things),
    ]


def verify(things: Things) -> list[iam.PolicyStatement]:
    """Read the repository and its rows."""
    return [*_repository(things, "s3:GetObject"), _read_rows(things), _tell(things), _use_key(things)]


def prune(things: Things) -> list[iam.PolicyStatement]:
    """Forget and reclaim: the one role that may delete, and only current objects of the repository, never versions."""
    return [
        *_repository(things, "s3:GetObject"),
        _on_objects("RewritePacks", things, ["s3:PutObject"], "packs/"),
        _on_objects("Reclaim", things, ["s3:DeleteObject"], "packs/", "snapshots/"),
        _rows(things, "dynamodb:DeleteItem"),
        _chunk_rows(things, "dynamodb:PartiQLInsert", "dynamodb:PartiQLDelete"),
        _tell(things),
        _use_key(things),
    ]


def create(things: Things) -> list[iam.PolicyStatement]:
    """Create the repository once, with one key slot for each region's key."""
    return [
        *_repository(things, "s3:GetObject", "s3:PutObject"),
        allow(
            "WrapMasterKey",
            ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"],
            [things.key, things.replica_key],
        ),
    ]


def _with_indexes(table: str) -> list[str]:
    return [table, f"{table}/index/*"]


def _list(sid: str, bucket: str, prefix: str) -> iam.PolicyStatement:
    return allow(sid, ["s3:ListBucket"], [bucket], {"StringLike": {"s3:prefix": [f"{prefix}*"]}})


def _repository(things: Things, *actions: str) -> list[iam.PolicyStatement]:
    return [
        # Without the right to list, S3 answers 403 instead of 404 for an object that is not there.
        _list("ListRepository", things.primary_bucket, REPOSITORY_PREFIX),
        allow("UseRepository", actions, [f"{things.primary_bucket}/{REPOSITORY_PREFIX}*"]),
    ]


def _on_objects(sid: str, things: Things, actions: list[str], *folders: str) -> iam.PolicyStatement:
    """Allow actions on some folders of the repository; never on its config and keys, which a thief could forge."""
    return allow(sid, actions, [f"{things.primary_bucket}/{REPOSITORY_PREFIX}{folder}*" for folder in folders])


def _read_rows(things: Things) -> iam.PolicyStatement:
    tables = [*_with_indexes(things.metadata_table), *_with_indexes(things.deduplication_table)]
    return allow("ReadRows", _READS, tables)


def _rows(things: Things, *more: str) -> iam.PolicyStatement:
    tables = [*_with_indexes(things.metadata_table), *_with_indexes(things.deduplication_table)]
    # A transaction needs the right of each of its actions; there is none for the transaction itself.
    writes = ["dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    return allow("UseRows", [*_READS, *writes, *more], tables)


def _chunk_rows(things: Things, *actions: str) -> iam.PolicyStatement:
    """Allow batches of conditional writes, which the tables take as PartiQL alone, on the rows of chunks and packs."""
    return allow("ChangeChunkRows", actions, [things.deduplication_table])


def _end_lease(things: Things) -> iam.PolicyStatement:
    return allow(
        "EndOwnLease",
        ["dynamodb:DeleteItem"],
        [things.metadata_table],
        {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [ACTIVE_ROWS]},
            # ForAllValues is true for a request without the key; this is not.
            "Null": {"dynamodb:LeadingKeys": "false"},
        },
    )


def _tell(things: Things) -> iam.PolicyStatement:
    return allow("Tell", ["sns:Publish"], [things.topic])


def _use_key(things: Things) -> iam.PolicyStatement:
    # Decrypt opens the repository's key slot; S3, SQS, SNS and DynamoDB use the caller's right to both.
    return allow("UseKey", ["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"], [things.key])


def statements_of(role: str, things: Things) -> Sequence[iam.PolicyStatement]:
    """Return the rights of a function by its part's name."""
    return {
        "initiator": initiator,
        "worker": worker,
        "restore": restore,
        "verify": verify,
        "prune": prune,
        "create": create,
    }[role](things)
