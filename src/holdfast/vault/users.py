"""Who is backed up: the folders of the source, or the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.errors import SourceUnreadable

HIGH, NORMAL = "HIGH", "NORMAL"
USER_ATTRIBUTE, PRIORITY_ATTRIBUTE = "userId", "priority"


@dataclass(frozen=True, slots=True, order=True)
class User:
    """A user, ordered as they are queued: the marked ones (`rank` 0) first, then by name."""

    rank: int
    name: str
    priority: str = field(default=NORMAL, compare=False)


def ranked(found: Iterable[tuple[str, bool]], priority_users: int) -> list[User]:
    """Return users in the order they are queued: marked ones first; the first `priority_users` are HIGH.

    Raises:
        SourceUnreadable: there is none; a backup of nobody must not look like a success.
    """
    ranks: dict[str, int] = {}
    for name, marked in found:
        ranks[name] = min(int(not marked), ranks.get(name, 1))
    if not ranks:
        raise SourceUnreadable("no user was found; check the source bucket and prefix, or the users table")
    order = sorted((rank, name) for name, rank in ranks.items())
    return [User(rank, name, HIGH if at < priority_users else NORMAL) for at, (rank, name) in enumerate(order)]


def find_users(s3: Any, dynamodb: Any, *, bucket: str, prefix: str, table: str | None) -> Iterator[tuple[str, bool]]:
    """Yield every user's name and whether it is marked HIGH: from `table` if there is one, else from the folders."""
    return users_in_table(dynamodb, table) if table else ((name, False) for name in user_folders(s3, bucket, prefix))


def user_folders(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    """Yield the names of the folders directly below `prefix`; 1,000 a request."""
    pages = iter(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"))
    while True:
        with aws_errors(f"S3 ListObjectsV2 of s3://{bucket}/{prefix}"):
            page = next(pages, None)
        if page is None:
            return
        for folder in page.get("CommonPrefixes", []):
            yield folder["Prefix"].removeprefix(prefix).rstrip("/")


def users_in_table(dynamodb: Any, table: str) -> Iterator[tuple[str, bool]]:
    """Yield the users of a table: attribute `userId`, and `priority`, which may be HIGH."""
    pages = iter(
        dynamodb.get_paginator("scan").paginate(
            TableName=table,
            ConsistentRead=True,
            ProjectionExpression="#user, #priority",
            ExpressionAttributeNames={"#user": USER_ATTRIBUTE, "#priority": PRIORITY_ATTRIBUTE},
        )
    )
    while True:
        with aws_errors(f"DynamoDB Scan of {table}"):
            page = next(pages, None)
        if page is None:
            return
        for item in page["Items"]:
            yield item[USER_ATTRIBUTE]["S"], item.get(PRIORITY_ATTRIBUTE, {}).get("S") == HIGH


def after(users: Sequence[User], last: User | None) -> list[User]:
    """Return the users that come after `last` in the order they are queued."""
    return [user for user in users if last is None or user > last]
