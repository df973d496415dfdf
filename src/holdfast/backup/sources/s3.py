"""A source of the keys below a prefix: one listing, as the tree that the slashes mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from holdfast.backup.entry import NANOSECONDS, Entry, EntryKind, Path, refuse_name
from holdfast.backup.sources import Extent, Skipped, SourceEntry
from holdfast.backup.stores.aws.errors import aws_errors, code_of
from holdfast.errors import SourceUnreadable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3 keeps no modes; these are what a restore to a folder gives.
FILE_MODE, FOLDER_MODE = 0o644, 0o755

HEADERS = {
    "CacheControl": b"user.s3.cache-control",
    "ContentDisposition": b"user.s3.content-disposition",
    "ContentEncoding": b"user.s3.content-encoding",
    "ContentLanguage": b"user.s3.content-language",
    "ContentType": b"user.s3.content-type",
}
METADATA = b"user.s3.meta."
UNTYPED = "binary/octet-stream"
"""What S3 says of an object that was put without a type."""

READ_ATTEMPTS = 3
REASONS = {
    "404": "it vanished",
    "NoSuchKey": "it vanished",
    "AccessDenied": "access denied",
    "403": "access denied",
    "InvalidObjectState": "it is archived; restore it from its storage class first",
    "PreconditionFailed": "it changed while it was read",
    "412": "it changed while it was read",
}


class _Key(NamedTuple):
    """A key below the root. `order` sorts as a tree does: NUL, which no name holds, in place of the slash."""

    order: bytes
    size: int
    modified: int
    etag: str


class _Listing(NamedTuple):
    """Keys in the order of a tree, and the keys that cannot be in one, with the reason."""

    keys: list[_Key]
    refused: list[tuple[bytes, str]]


class S3Source:
    """What is below `prefix` in `bucket`: the one root, named `s3://bucket/prefix`.

    A file's fingerprint is its ETag, size and time of modification: S3 changes one of them with every put. A key that
    ends in a slash is an empty folder. Keys that no folder can hold are skipped by name. The listing, about 300 bytes
    a key, is held in memory until the tree has been read.
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._listed: _Listing | None = None

    @property
    def paths(self) -> tuple[bytes, ...]:
        """The one root."""
        return (f"s3://{self._bucket}/{self._prefix}".rstrip("/").encode(),)

    def check(self) -> None:
        """List the keys; raise SourceUnreadable if there is none."""
        if not any(self._list()):
            root = self.paths[0].decode()
            raise SourceUnreadable(f"source {root!r} holds no object; name a bucket and prefix that do")

    def entries(self, root: bytes) -> Iterator[SourceEntry | Skipped]:
        """Yield the root, then what is below it, depth first and in byte order."""
        keys, refused = self._list()
        self._listed = None  # a second reading lists anew
        name = (self._prefix.rstrip("/").rpartition("/")[2] or self._bucket).encode()
        yield SourceEntry((), _folder(name))
        yield from (Skipped(root + b"/" + name, problem) for name, problem in refused)
        within: Path = ()
        for at, key in enumerate(keys):
            if problem := _collision(keys, at):
                yield Skipped(root + b"/" + key.order.replace(b"\0", b"/"), problem)
                continue
            *folders, last = key.order.split(b"\0")
            for depth in range(_shared(within, folders), len(folders)):
                yield SourceEntry(tuple(folders[: depth + 1]), _folder(folders[depth]))
            within = tuple(folders)
            if last:
                yield SourceEntry((*within, last), _file(last, key))

    @contextmanager
    def open(self, item: SourceEntry) -> Iterator[S3File]:
        """Open an object for reading; what is read is one version of it, the one that stands now."""
        key = self._prefix + b"/".join(item.path).decode()
        opened = S3File(self._client, self._bucket, key, item.entry)
        try:
            yield opened
        finally:
            opened.close()

    def _list(self) -> _Listing:
        if self._listed is None:
            keys: list[_Key] = []
            refused: list[tuple[bytes, str]] = []
            for found in self._objects():
                key = found["Key"].removeprefix(self._prefix).encode()
                if problem := _refusal(key, found["Size"]):
                    refused.append((key, problem))
                elif key:  # without one it is the placeholder of the root itself
                    modified = int(found["LastModified"].timestamp())
                    keys.append(_Key(key.replace(b"/", b"\0"), found["Size"], modified, found["ETag"]))
            self._listed = _Listing(sorted(keys), refused)
        return self._listed

    def _objects(self) -> Iterator[Any]:
        pages = self._client.get_paginator("list_objects_v2")
        listed = iter(pages.paginate(Bucket=self._bucket, Prefix=self._prefix))
        while True:
            with aws_errors(f"S3 ListObjectsV2 of {self.paths[0].decode()}"):
                page = next(listed, None)
            if page is None:
                return
            yield from page.get("Contents", [])


class S3File:
    """An object being read; a connection that breaks is taken up again where it broke, at the same version."""

    def __init__(self, client: S3Client, bucket: str, key: str, listed: Entry) -> None:
        self._client = client
        self._where = {"Bucket": bucket, "Key": key}
        answer = self._get()
        self._etag: str = answer["ETag"]
        self._body = answer["Body"]
        self._size: int = answer["ContentLength"]
        self._position = 0
        self._entry = _opened(listed, answer)

    @property
    def entry(self) -> Entry:
        """The metadata of the version that is read."""
        return self._entry

    def whole(self, most: int) -> None:
        """Say that the object is read as a stream, which is taken up again where it breaks."""

    def extents(self, offset: int = 0) -> Iterator[Extent]:
        """Yield the object from `offset` on as one run."""
        if 0 < offset < self._size:
            self.close()
            self._body = self._get(Range=f"bytes={offset}-", IfMatch=self._etag)["Body"]
        self._position = offset
        if offset < self._size:
            yield Extent(self._size - offset)

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        if self._position >= self._size:
            return b""
        for attempt in range(READ_ATTEMPTS):
            try:
                data: bytes = self._body.read(size)
                break
            except (BotoCoreError, OSError) as error:
                if attempt + 1 == READ_ATTEMPTS:
                    raise SourceUnreadable(f"reading it broke off: {error}") from error
                self.close()
                self._body = self._get(Range=f"bytes={self._position}-", IfMatch=self._etag)["Body"]
        self._position += len(data)
        return data

    def changed(self) -> bool:
        """Say no: S3 answers one request from one version."""
        return False

    def close(self) -> None:
        """Let go of the connection."""
        self._body.close()

    def _get(self, **how: str) -> Any:
        with aws_errors(f"S3 GetObject of s3://{self._where['Bucket']}/{self._where['Key']}"):
            try:
                return self._client.get_object(**self._where, **how)  # type: ignore[arg-type]
            except ClientError as error:
                if reason := REASONS.get(code_of(error)):
                    raise SourceUnreadable(reason) from error
                raise


def _refusal(key: bytes, size: int) -> str | None:
    """Say why a key cannot be a path; None if it can."""
    *folders, last = key.split(b"/")
    for name in [*folders, *([last] if last else [])]:
        if problem := refuse_name(name):
            return problem
    return "its name is a folder's, but it holds bytes" if not last and size else None


def _collision(keys: Sequence[_Key], at: int) -> str | None:
    """Say why a key cannot stand beside its neighbours: what is below a key follows it at once."""
    order = keys[at].order
    below = order + b"\0"
    if any(key.order.startswith(below) and key.order != below for key in keys[at + 1 : at + 3]):
        return None if order.endswith(b"\0") else "it is both a file and a folder; only the folder is kept"
    if order.endswith(b"\0") and at and keys[at - 1].order == order[:-1]:
        following = keys[at + 1].order if at + 1 < len(keys) else b""
        return None if following.startswith(order) else "it is both a file and an empty folder; only the file is kept"
    return None


def _shared(before: Sequence[bytes], now: Sequence[bytes]) -> int:
    """Return how many names both paths begin with."""
    for depth, (one, other) in enumerate(zip(before, now, strict=False)):
        if one != other:
            return depth
    return min(len(before), len(now))


def _folder(name: bytes) -> Entry:
    return Entry(name=name, kind=EntryKind.DIRECTORY, mode=FOLDER_MODE)


def _file(name: bytes, key: _Key) -> Entry:
    return Entry(
        name=name,
        kind=EntryKind.FILE,
        mode=FILE_MODE,
        mtime_ns=key.modified * NANOSECONDS,
        size=key.size,
        fingerprint=_fingerprint(key.etag, key.size, key.modified),
    )


def _fingerprint(etag: str, size: int, modified: int) -> bytes:
    return f"{etag} {size} {modified}".encode()


def _opened(listed: Entry, answer: Mapping[str, Any]) -> Entry:
    changed: datetime = answer["LastModified"]
    modified, size = int(changed.timestamp()), answer["ContentLength"]
    return Entry(
        name=listed.name,
        kind=EntryKind.FILE,
        mode=FILE_MODE,
        mtime_ns=modified * NANOSECONDS,
        size=size,
        fingerprint=_fingerprint(answer["ETag"], size, modified),
        xattrs=tuple(sorted(_attributes(answer))),
    )


def _attributes(answer: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the headers and user metadata that S3 keeps with the object."""
    for header, name in HEADERS.items():
        value = answer.get(header)
        if value and value != UNTYPED:
            yield name, value.encode()
    for key, value in answer.get("Metadata", {}).items():
        yield METADATA + key.encode(), value.encode()
