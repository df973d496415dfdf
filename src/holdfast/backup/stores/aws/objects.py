"""Objects in an S3 bucket below a prefix: written once, checked on the way, read by range."""

from __future__ import annotations

import mmap
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

from holdfast.backup.cold import ARCHIVED, STANDARD, Temperature, Tier
from holdfast.backup.ports import StoredObject
from holdfast.backup.stores.aws.dynamodb import grouped
from holdfast.backup.stores.aws.errors import aws_errors, code_of
from holdfast.backup.stores.aws.patience import Patience
from holdfast.errors import NotFound, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PUT_MARK = "holdfast-put"
MOST_DELETED = 1000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""
_IS_THERE = {"412", "PreconditionFailed"}
_RACED = {"409", "ConditionalRequestConflict", "OperationAborted"}
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_PAST_THE_END = {"416", "InvalidRange"}
_CUT_SHORT = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)


_THAWING, _THAWED = 'ongoing-request="true"', 'ongoing-request="false"'
_THAWED_ALREADY = {"RestoreAlreadyInProgress", "ObjectAlreadyInActiveTierError"}
_TIERS: dict[Tier, Literal["Standard", "Bulk"]] = {Tier.STANDARD: "Standard", Tier.BULK: "Bulk"}


class S3Objects:
    """An object store in `bucket` below `prefix` (empty, or ending in `/`).

    A put is conditional on the key's absence (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html),
    so that a bucket policy can refuse every other; S3 checks a CRC32 of the bytes before it answers.

    Args:
        connect: makes a client like `client`, for a forked process; without it there must be none.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        prefix: str = "",
        *,
        patience: Patience | None = None,
        connect: Callable[[], S3Client] | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._patience = patience or Patience()
        self._connect = connect

    def reconnected(self) -> S3Objects:
        """Return the same objects, to be reached by connections that are still to be made."""
        assert self._connect is not None  # whoever forks was opened with it
        return S3Objects(self._connect(), self._bucket, self._prefix, patience=self._patience, connect=self._connect)

    def put(self, key: str, data: bytes | memoryview) -> bool:
        """Store `data` if `key` is absent, durable and whole on return; False (and no change) if it was there."""
        mark, body = uuid.uuid4().hex, _body(data)
        for attempt in range(self._patience.attempts):
            with aws_errors(self._about("PutObject", key)):
                try:
                    self._client.put_object(
                        Bucket=self._bucket,
                        Key=self._prefix + key,
                        Body=body(),  # type: ignore[arg-type]  # a map of memory reads and seeks as a file does
                        IfNoneMatch="*",
                        ChecksumAlgorithm="CRC32",
                        Metadata={PUT_MARK: mark},
                    )
                except ClientError as error:
                    if code_of(error) in _IS_THERE:
                        return self._is_ours(key, mark)
                    if code_of(error) not in _RACED:
                        raise
                else:
                    return True
            self._patience.pause(attempt)
        raise StoreUnavailable(f"{self._about('PutObject', key)} met others that put it; try again later")

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start` (fewer only at the object's end).

        A negative `start` counts from the end; one before the object's first byte means the first byte.
        """
        if length == 0:
            return self._nothing_of(key)
        for attempt in range(self._patience.attempts):
            with aws_errors(self._about("GetObject", key)):
                try:
                    return self._read(key, start, length)
                except _CUT_SHORT:  # what botocore does not retry: the answer had begun
                    if attempt + 1 == self._patience.attempts:
                        raise
            self._patience.pause(attempt)
        raise AssertionError("unreachable")

    def size(self, key: str) -> int | None:
        """Return the object's size in bytes, None if it does not exist."""
        head = self._head(key)
        return None if head is None else int(head["ContentLength"])

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key starts with `prefix`, in key order."""
        pages = self._client.get_paginator("list_objects_v2")
        listed = iter(pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix))
        while True:
            with aws_errors(self._about("ListObjectsV2", prefix)):
                page = next(listed, None)
            if page is None:
                return
            for found in page.get("Contents", []):
                name = found["Key"].removeprefix(self._prefix)
                yield StoredObject(name, found["Size"], found.get("StorageClass", STANDARD))

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if it is not there. In a versioned bucket its versions stay."""
        with aws_errors(self._about("DeleteObject", key)):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def delete_all(self, keys: Collection[str]) -> None:
        """Remove these objects, as far as they are there, a thousand a request; in a versioned bucket versions stay."""
        for group in grouped(keys, MOST_DELETED):
            named = [{"Key": self._prefix + key} for key in group]
            with aws_errors(self._about("DeleteObjects", group[0])):
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": named, "Quiet": True})  # type: ignore[typeddict-item]
            for failed in answer.get("Errors", []):  # alone it is tried again, or says why not
                self.delete(failed["Key"].removeprefix(self._prefix))

    def temperature(self, key: str) -> Temperature:
        """Return an object's storage class and whether it can be read now; raise NotFound."""
        head = self._head(key)
        if head is None:
            raise NotFound(f"{self._about('HeadObject', key)} failed: no such object; check its name")
        name, state = head.get("StorageClass", STANDARD), head.get("Restore", "")
        return Temperature(name, name not in ARCHIVED or _THAWED in state, _THAWING in state)

    def thaw(self, key: str, tier: Tier, days: int) -> None:
        """Ask for a readable copy for so many days; one that is under way or there is left as it is."""
        with aws_errors(self._about("RestoreObject", key)):
            try:
                self._client.restore_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    RestoreRequest={"Days": days, "GlacierJobParameters": {"Tier": _TIERS[tier]}},
                )
            except ClientError as error:
                if code_of(error) not in _THAWED_ALREADY:
                    raise

    def _about(self, operation: str, key: str) -> str:
        return f"S3 {operation} of s3://{self._bucket}/{self._prefix}{key}"

    def _is_ours(self, key: str, mark: str) -> bool:
        """Tell whether an earlier try of this very put had arrived although its answer was lost."""
        head = self._head(key)
        return head is not None and head.get("Metadata", {}).get(PUT_MARK) == mark

    def _head(self, key: str) -> Any | None:
        with aws_errors(self._about("HeadObject", key)):
            try:
                return self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return None
                raise

    def _nothing_of(self, key: str) -> bytes:
        if self.size(key) is None:
            raise NotFound(f"{self._about('GetObject', key)} failed: no such object; check its name")
        return b""

    def _read(self, key: str, start: int, length: int | None) -> bytes:
        extra: dict[str, str] = {"Range": wanted} if (wanted := byte_range(start, length)) else {}
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, **extra)["Body"]  # type: ignore[arg-type]
        except ClientError as error:
            if code_of(error) in _PAST_THE_END:
                return b""
            raise
        with body:
            return body.read()[:length]


def _body(data: bytes | memoryview) -> Callable[[], bytes | mmap.mmap]:
    """Return what gives the SDK the bytes, once for each try; a view of all of a map of memory is not copied."""
    whole = data.obj if isinstance(data, memoryview) else None
    if not isinstance(whole, mmap.mmap) or len(whole) != len(data):
        copy = bytes(data)
        return lambda: copy

    def from_the_start() -> mmap.mmap:
        whole.seek(0)
        return whole

    return from_the_start


def byte_range(start: int, length: int | None) -> str | None:
    """Return the Range header for these bytes; None for the whole object.

    S3 answers a suffix longer than the object with the whole object, as the port wants it.
    """
    if start < 0:
        return f"bytes={start}"
    if length is None:
        return f"bytes={start}-" if start else None
    return f"bytes={start}-{start + length - 1}"
