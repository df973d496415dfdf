"""A bucket as a source and as a target, on the embedded AWS."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ResponseStreamingError

from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.repository import Repository
from holdfast.backup.restore import restore
from holdfast.backup.sources import Skipped, SourceEntry
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.sources.s3 import S3Source
from holdfast.backup.targets.directory import DirectoryTarget
from holdfast.backup.targets.s3 import S3Target, parse_uri
from holdfast.errors import IntegrityError, InvalidRequest, NotFound, SourceUnreadable, StoreDenied
from holdfast.rehearsal.ports import EmbeddedAws, Fault
from tests.support.emulator import HOME
from tests.support.repositories import any_repository
from tests.support.vaults import read_bucket

pytestmark = pytest.mark.emulator


class Bucket:
    """A fresh bucket."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws, self.name = aws, f"test-{uuid.uuid4().hex[:12]}"
        self.client = aws.client("s3", HOME)
        self.client.create_bucket(Bucket=self.name)

    def put(self, *keys: str, data: bytes = b"x", **extra: Any) -> None:
        for key in keys:
            self.client.put_object(Bucket=self.name, Key=key, Body=b"" if key.endswith("/") else data, **extra)

    def source(self, prefix: str = "") -> S3Source:
        return S3Source(self.client, self.name, prefix)

    def files(self, prefix: str = "") -> dict[str, bytes]:
        return read_bucket(self.aws, self.name, prefix)


@pytest.fixture
def bucket(aws: EmbeddedAws) -> Bucket:
    return Bucket(aws)


def tree(source: S3Source) -> tuple[list[str], dict[str, str]]:
    """Paths in the order they come, folders with a slash; and what was skipped, with the reason."""
    paths, skipped = [], {}
    root = source.paths[0]
    for found in source.entries(root):
        if isinstance(found, Skipped):
            skipped[found.path.removeprefix(root + b"/").decode()] = found.reason
        else:
            is_folder = found.entry.kind is EntryKind.DIRECTORY
            paths.append(b"/".join(found.path).decode() + ("/" if is_folder else ""))
    return paths, skipped


class TestSource:
    def test_keys_come_as_a_tree_in_the_order_of_names_not_of_keys(self, bucket: Bucket) -> None:
        # "a-b" and "a.txt" sort before "a/x" as keys, and after the folder "a" as names.
        bucket.put("u/a/x", "u/a-b", "u/a.txt", "u/a/b/c", "u/B", "u/ab/z", "u/é/ü")
        paths, skipped = tree(bucket.source("u/"))
        assert paths == ["/", "B", "a/", "a/b/", "a/b/c", "a/x", "a-b", "a.txt", "ab/", "ab/z", "é/", "é/ü"]
        assert skipped == {}

    def test_other_prefixes_that_begin_alike_are_not_seen(self, bucket: Bucket) -> None:
        bucket.put("users/ann/1", "users/anna/2", "users/ann")
        assert tree(bucket.source("users/ann"))[0] == ["/", "1"]

    def test_a_key_that_ends_in_a_slash_is_an_empty_folder(self, bucket: Bucket) -> None:
        bucket.put("u/", "u/empty/", "u/full/", "u/full/x")
        assert tree(bucket.source("u"))[0] == ["/", "empty/", "full/", "full/x"]

    def test_keys_that_no_folder_can_hold_are_named_and_left_out(self, bucket: Bucket) -> None:
        bucket.put("u/ok", "u/a//b", "u/../etc", "u/./x", "u/deep/../y")
        bucket.client.put_object(Bucket=bucket.name, Key="u/odd/", Body=b"bytes")
        paths, skipped = tree(bucket.source("u"))
        assert paths == ["/", "ok"]
        assert set(skipped) == {"a//b", "../etc", "./x", "deep/../y", "odd/"}
        assert "holds bytes" in skipped["odd/"]

    def test_a_key_that_is_file_and_folder_keeps_the_folder(self, bucket: Bucket) -> None:
        bucket.put("u/a", "u/a/x", "u/b", "u/b/", "u/b/x", "u/c", "u/c/", "u/d")
        paths, skipped = tree(bucket.source("u"))
        assert paths == ["/", "a/", "a/x", "b/", "b/x", "c", "d"]
        assert skipped == {
            "a": "it is both a file and a folder; only the folder is kept",
            "b": "it is both a file and a folder; only the folder is kept",
            "c/": "it is both a file and an empty folder; only the file is kept",
        }

    def test_nothing_below_the_prefix_is_no_source(self, bucket: Bucket) -> None:
        bucket.put("users/ann/1")
        with pytest.raises(SourceUnreadable, match=f"s3://{bucket.name}/users/bob"):
            bucket.source("users/bob/").check()

    def test_a_bucket_that_is_not_there_is_told(self, bucket: Bucket) -> None:
        with pytest.raises(NotFound, match="NoSuchBucket"):
            S3Source(bucket.client, "no-such-bucket-here", "").check()

    def test_listing_passes_pages_and_is_done_once(self, bucket: Bucket) -> None:
        bucket.put(*(f"u/{number:04}" for number in range(1003)))
        before = bucket.aws.requests().get("s3.ListObjectsV2", 0)
        source = bucket.source("u")
        source.check()
        assert len(tree(source)[0]) == 1004
        assert bucket.aws.requests()["s3.ListObjectsV2"] - before == 2

    def test_fingerprint_changes_with_every_put_of_other_content(self, bucket: Bucket) -> None:
        seen = set()
        for data in (b"one", b"two", b"three"):
            bucket.put("u/f", data=data)
            *_, found = bucket.source("u").entries(b"")
            assert isinstance(found, SourceEntry)
            seen.add(found.entry.fingerprint)
            with bucket.source("u").open(found) as file:
                assert file.entry.fingerprint == found.entry.fingerprint
        assert len(seen) == 3

    def test_what_vanished_or_is_denied_is_the_files_own_trouble(self, bucket: Bucket) -> None:
        bucket.put("u/f")
        source = bucket.source("u")
        *_, found = source.entries(b"")
        assert isinstance(found, SourceEntry)
        denied = Fault(service="s3", operation="GetObject", error="AccessDenied")
        with bucket.aws.inject(denied), pytest.raises(SourceUnreadable, match="access denied"), source.open(found):
            pass
        bucket.client.delete_object(Bucket=bucket.name, Key="u/f")
        with pytest.raises(SourceUnreadable, match="it vanished"), source.open(found):
            pass

    def test_a_broken_connection_is_taken_up_where_it_broke(self, bucket: Bucket) -> None:
        data = random.Random(1).randbytes(300_000)
        bucket.put("u/f", data=data)
        source = S3Source(Breaking(bucket.client, after=100_000), bucket.name, "u")  # type: ignore[arg-type]
        *_, found = source.entries(b"")
        assert isinstance(found, SourceEntry)
        with source.open(found) as file:
            assert b"".join(read_all(file)) == data

    def test_a_broken_connection_to_another_version_is_an_unreadable_file(self, bucket: Bucket) -> None:
        bucket.put("u/f", data=bytes(300_000))

        def replace() -> None:
            bucket.put("u/f", data=b"other" * 60_000)

        source = S3Source(Breaking(bucket.client, after=100_000, then=replace), bucket.name, "u")  # type: ignore[arg-type]
        *_, found = source.entries(b"")
        assert isinstance(found, SourceEntry)
        with pytest.raises(SourceUnreadable, match="it changed"), source.open(found) as file:
            list(read_all(file))


def read_all(file: Any) -> Iterator[bytes]:
    for _ in file.extents():
        while data := file.read(64 * 1024):
            yield data


class Breaking:
    """S3 whose first answer breaks off after so many bytes."""

    def __init__(self, client: Any, *, after: int, then: Any = lambda: None) -> None:
        self._client, self._after, self._then, self._broken = client, after, then, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_object(self, **request: Any) -> Any:
        answer = self._client.get_object(**request)
        if not self._broken:
            self._broken = True
            answer["Body"] = BreakingBody(answer["Body"], self._after, self._then)
        return answer


class BreakingBody:
    def __init__(self, body: Any, after: int, then: Any) -> None:
        self._body, self._left, self._then = body, after, then

    def read(self, size: int) -> bytes:
        if self._left <= 0:
            self._then()
            raise ResponseStreamingError(error="connection reset")
        data: bytes = self._body.read(min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._body.close()


class TestTarget:
    def back_up(self, bucket: Bucket, prefix: str) -> tuple[Repository, Any]:
        repository = any_repository()
        return repository, create_snapshot(repository, bucket.source(prefix), user="u", host="h").snapshot

    def test_a_bucket_comes_back_as_it_was(self, bucket: Bucket) -> None:
        bucket.put("u/deep/er/file", data=b"plain")
        bucket.put("u/empty", data=b"")
        bucket.put("u/folder/")
        bucket.put("u/typed", data=b"<p>", ContentType="text/html", CacheControl="no-store", Metadata={"a": "b"})
        bucket.put("u/large", data=random.Random(1).randbytes(12 * 1024 * 1024))
        repository, snapshot = self.back_up(bucket, "u")
        target = S3Target(bucket.client, bucket.name, "back", part_bytes=5 * 1024 * 1024)
        summary = restore(repository, snapshot, target)
        assert (summary.failed_count, summary.files, list(summary.warnings)) == (0, 4, [])
        assert bucket.files("back/") == bucket.files("u/")
        found = bucket.client.head_object(Bucket=bucket.name, Key="back/typed")
        assert (found["ContentType"], found["CacheControl"], found["Metadata"]) == ("text/html", "no-store", {"a": "b"})

    def test_a_bucket_is_restored_to_a_folder(self, bucket: Bucket, tmp_path: Path) -> None:
        bucket.put("u/a/b", data=b"bytes")
        repository, snapshot = self.back_up(bucket, "u")
        restore(repository, snapshot, DirectoryTarget(bytes(tmp_path / "t")))
        assert (tmp_path / "t" / "a" / "b").read_bytes() == b"bytes"

    def test_what_a_bucket_cannot_hold_is_named_and_the_rest_restored(self, bucket: Bucket, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.mkdir()
        (source / "file").write_bytes(b"file")
        (source / "link").symlink_to("file")
        (source / "twin").hardlink_to(source / "file")
        with (source / "sparse").open("wb") as sparse:
            sparse.truncate(3_000_000)
        odd = bytes(source) + b"/\xff"
        Path(odd.decode(errors="surrogateescape")).write_bytes(b"odd")
        repository = any_repository()
        snapshot = create_snapshot(repository, DirectorySource([bytes(source)]), user="u", host="h").snapshot
        summary = restore(repository, snapshot, S3Target(bucket.client, bucket.name, "t"))
        assert {failed.path for failed in summary.failed} == {b"link", b"\xff"}
        assert bucket.files("t/") == {"file": b"file", "twin": b"file", "sparse": bytes(3_000_000)}

    def test_an_upload_that_fails_leaves_nothing(self, bucket: Bucket) -> None:
        target = S3Target(bucket.client, bucket.name, part_bytes=5 * 1024 * 1024)
        entry = Entry(name=b"f", kind=EntryKind.FILE, size=12 * 1024 * 1024)

        def content() -> Iterator[bytes | int]:
            yield bytes(11 * 1024 * 1024)
            raise IntegrityError("damaged")

        with pytest.raises(IntegrityError, match="damaged"):
            target.write((b"f",), entry, content())
        assert bucket.files() == {}
        assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name)

    @pytest.mark.parametrize("size", [3, 5 * 1024 * 1024 + 3])
    def test_content_of_another_size_than_its_entry_is_refused(self, bucket: Bucket, size: int) -> None:
        target = S3Target(bucket.client, bucket.name, part_bytes=5 * 1024 * 1024)
        entry = Entry(name=b"f", kind=EntryKind.FILE, size=size + 1)
        with pytest.raises(IntegrityError, match="not the"):
            target.write((b"f",), entry, iter([bytes(size)]))
        assert bucket.files() == {}

    def test_a_missing_bucket_is_refused_before_anything_is_read(self, bucket: Bucket) -> None:
        with pytest.raises(NotFound, match="no-such-bucket-here"):
            S3Target(bucket.client, "no-such-bucket-here").begin(None)

    def test_a_key_that_is_too_long_is_refused(self, bucket: Bucket) -> None:
        target = S3Target(bucket.client, bucket.name, "p" * 600)
        with pytest.raises(StoreDenied, match="longer than 1024"):
            target.write((b"n" * 500,), Entry(name=b"n", kind=EntryKind.FILE), iter([]))


@pytest.mark.parametrize("uri", ["bucket/prefix", "s3://", "s3:///prefix", "http://bucket"])
def test_what_is_no_bucket_is_refused(uri: str) -> None:
    with pytest.raises(InvalidRequest, match="expected s3://bucket/prefix"):
        parse_uri(uri)
