"""Custom resource that empties buckets when their stack is deleted, so that they can be deleted too.

It exists only where `removal: destroy` is written. Versions go a page at a time, the oldest listing first; a deletion
that is repeated goes on with what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.errors import NotFound, StoreDenied, StoreUnavailable
from holdfast.vault.custom_resource import answer
from holdfast.vault.services import Context, services

ENDING_SECONDS = 30
"""Kept of an invocation's time for the answer."""


def handler(event: Mapping[str, Any], context: Context) -> None:
    """Answer CloudFormation; a creation and an update change nothing, a deletion empties every bucket named."""

    def time_is_up() -> bool:
        return context.get_remaining_time_in_millis() < ENDING_SECONDS * 1000

    answer(
        event,
        event["LogicalResourceId"],
        lambda _properties: {},
        remove=lambda properties: empty_all(properties, services().clients, time_is_up),
    )


def empty_all(properties: Mapping[str, Any], clients: Clients, time_is_up: Callable[[], bool]) -> dict[str, str]:
    """Delete every version and delete marker of the buckets in `Buckets`, each `region/name`.

    Raises:
        StoreUnavailable: the time is up; another deletion goes on.
        StoreDenied: a version is locked, or the role may not.
    """
    for place in properties["Buckets"]:
        region, _, bucket = place.partition("/")
        try:
            _empty(bucket, clients.s3(region), time_is_up)
        except NotFound:  # it is gone already
            continue
    return {}


def _empty(bucket: str, client: Any, time_is_up: Callable[[], bool]) -> None:
    with aws_errors(f"S3 DeleteObjects in {bucket}"):
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if not found:
                continue
            if time_is_up():
                raise StoreUnavailable(f"bucket {bucket} is not empty yet; delete the stack again to go on")
            keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
            refused = client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}).get("Errors", [])
            if refused:
                first = refused[0]
                raise StoreDenied(
                    f"{len(refused)} versions of {bucket} cannot be deleted, {first['Key']} first: {first['Message']}"
                )
