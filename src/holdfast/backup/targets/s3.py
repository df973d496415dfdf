"""A target of the keys below a prefix of a bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from holdfast.backup.entry import Entry, Path
from holdfast.backup.sources.s3 import HEADERS, METADATA
from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.backup.targets import Content, check_size
from holdfast.errors import InvalidRequest, StoreDenied

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MOST_PARTS = 10_000
MOST_KEY_BYTES = 1024
PART_BYTES = 16 * 1024 * 1024
MOST_WARNINGS = 1000
KNOWN = {name: header for header, name in HEADERS.items()}
ZEROS = bytes(1024 * 1024)


class S3Target:
    """Writes files as objects of `bucket` below `prefix`, with the type and metadata they were backed up with.

    An object appears whole or not at all. Modes, owners and times have no place in S3; links and devices are refused.
    Objects that are there already under the same keys are replaced.
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str = "", *, part_bytes: int = PART_BYTES) -> None:
        self._client: Any = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._part_bytes = part_bytes
        self._used: list[bool] = [True]
        self._warnings: list[str] = []

    @property
    def warnings(self) -> Sequence[str]:
        """Metadata that S3 does not take."""
        return self._warnings

    def begin(self, root: Entry | None) -> None:
        """Refuse a bucket that is not there."""
        try:
            with aws_errors(f"S3 bucket {self._bucket}"):
                self._client.head_bucket(Bucket=self._bucket)
        except StoreDenied:
            return  # who may only put objects may not ask about the bucket: the first put tells

    def enter(self, path: Path) -> None:
        """Note a folder: it exists through what is in it."""
        self._used.append(False)

    def leave(self, path: Path, entry: Entry | None) -> None:
        """Write an empty folder as a key that ends in a slash."""
        used = self._used.pop()
        if not used:
            self._put(self._key(path) + "/", b"", {})
        self._used[-1] = True

    def write(self, path: Path, entry: Entry, content: Content) -> None:
        """Put one object: in a single request, or in parts that S3 joins at the end."""
        key, headers = self._key(path), self._headers(path, entry)
        if entry.size > self._part_bytes * MOST_PARTS:
            raise StoreDenied(f"its {entry.size} bytes are more than {MOST_PARTS} parts of {self._part_bytes} hold")
        parts = _parts(content, self._part_bytes)
        first = next(parts, b"")
        second = next(parts, None)
        if second is None:
            check_size(len(first), entry)
            self._put(key, first, headers)
        else:
            self._upload(key, headers, chain((first, second), parts), entry)
        self._used[-1] = True

    def link(self, path: Path, entry: Entry, earlier: Path) -> bool:
        """Say no: S3 has no links, so the content is written again."""
        return False

    def make(self, path: Path, entry: Entry) -> None:
        """Refuse: an object is a file."""
        raise StoreDenied("a bucket holds files alone; restore it to a folder")

    def finish(self) -> None:
        """Do nothing: every object is whole already."""

    def close(self) -> None:
        """Do nothing: no connection is held."""

    def _key(self, path: Path) -> str:
        try:
            key = self._prefix + b"/".join(path).decode()
        except UnicodeDecodeError as error:
            raise StoreDenied("its name is not UTF-8, as a key must be; restore it to a folder") from error
        if len(key.encode()) > MOST_KEY_BYTES:
            raise StoreDenied(f"its key is longer than {MOST_KEY_BYTES} bytes; restore it to a shorter prefix")
        return key

    def _headers(self, path: Path, entry: Entry) -> dict[str, Any]:
        """Return the headers and metadata that the source kept as attributes."""
        headers: dict[str, Any] = {}
        metadata: dict[str, str] = {}
        for name, value in entry.xattrs:
            if not value.isascii() or not name.isascii():
                if len(self._warnings) < MOST_WARNINGS:
                    self._warnings.append(f"{self._key(path)!r}: its attribute {name!r} is not ASCII and is left out")
            elif name in KNOWN:
                headers[KNOWN[name]] = value.decode()
            elif name.startswith(METADATA):
                metadata[name.removeprefix(METADATA).decode()] = value.decode()
        return headers | ({"Metadata": metadata} if metadata else {})

    def _put(self, key: str, data: bytes, headers: dict[str, Any]) -> None:
        with aws_errors(f"S3 PutObject of s3://{self._bucket}/{key}"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, **headers)

    def _upload(self, key: str, headers: dict[str, Any], parts: Iterator[bytes], entry: Entry) -> None:
        where = {"Bucket": self._bucket, "Key": key}
        with aws_errors(f"S3 upload of s3://{self._bucket}/{key}"):
            upload = self._client.create_multipart_upload(**where, **headers)["UploadId"]
        try:
            with aws_errors(f"S3 upload of s3://{self._bucket}/{key}"):
                size, done = 0, []
                for number, part in enumerate(parts, start=1):
                    tag = self._client.upload_part(**where, UploadId=upload, PartNumber=number, Body=part)["ETag"]
                    done.append({"PartNumber": number, "ETag": tag})
                    size += len(part)
                check_size(size, entry)
                self._client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": done})
        except BaseException:
            with aws_errors(f"S3 AbortMultipartUpload of s3://{self._bucket}/{key}"):
                self._client.abort_multipart_upload(**where, UploadId=upload)
            raise


def parse_uri(uri: str) -> tuple[str, str]:
    """Return bucket and prefix of `s3://bucket/prefix`.

    Raises:
        InvalidRequest: not such a name.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise InvalidRequest(f"expected s3://bucket/prefix, got {uri!r}")
    return bucket, prefix


def _parts(content: Content, size: int) -> Iterator[bytes]:
    """Yield the content in parts of exactly `size` bytes, the last one shorter; holes are zeros."""
    part = bytearray()
    for piece in _plain(content):
        part += piece
        while len(part) >= size:
            yield bytes(part[:size])
            del part[:size]
    if part:
        yield bytes(part)


def _plain(content: Content) -> Iterator[bytes | memoryview]:
    for piece in content:
        if not isinstance(piece, int):
            yield piece
            continue
        for start in range(0, piece, len(ZEROS)):
            yield ZEROS[: piece - start]
