"""The verbs on the embedded AWS: repositories in buckets, buckets as sources and as targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.aws_stores import AwsStores, make_stores
from tests.support.command_line import Run
from tests.support.command_line import holdfast_on_aws as holdfast
from tests.support.emulator import HOME, aws
from tests.support.trees import File, Folder, make, picture

pytestmark = pytest.mark.emulator
__all__ = ["aws", "holdfast"]

TREE = Folder({b"a.txt": File((b"hello",), mode=0o640), b"sub": Folder({b"b": File((b"b" * 50_000,))})})


class Place(NamedTuple):
    stores: AwsStores
    replica: str
    repo: str


@pytest.fixture
def place(aws: EmbeddedAws, holdfast: Run) -> Place:
    """A repository in a bucket, opened by a KMS key alone; and its name without the tables."""
    stores = make_stores(aws)
    key = aws.client("kms", HOME).create_key()["KeyMetadata"]["Arn"]
    plain = f"s3://{stores.bucket}/backups"
    repo = f"{plain}?key={key}&metadata={stores.metadata}&deduplication={stores.deduplication}"
    created = holdfast("repo", "create", repo, "--quiet")
    assert (created.status, created.err) == (0, "")
    return Place(stores, plain, repo)


def objects_in(stores: AwsStores, prefix: str) -> dict[str, bytes]:
    client: Any = stores.aws.client("s3", HOME)
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=stores.bucket, Prefix=prefix).get("Contents", [])]
    return {key: client.get_object(Bucket=stores.bucket, Key=key)["Body"].read() for key in keys}


def test_a_folder_goes_to_a_bucket_and_back(holdfast: Run, place: Place, tmp_path: Path) -> None:
    source = make(TREE, tmp_path / "source")
    assert holdfast("backup", "source", "--repo", place.repo).status == 0
    again = holdfast("backup", "source", "--repo", place.repo, "--output", "json")
    assert json.loads(again.out)["files_unchanged"] == 2
    assert holdfast("restore", "latest", "--target", "target", "--repo", place.repo).status == 0
    assert picture(tmp_path / "target") == picture(source)
    assert holdfast("verify", "--read-data", "--repo", place.repo).status == 0


def test_a_bucket_is_backed_up_and_restored_to_a_bucket(holdfast: Run, place: Place, tmp_path: Path) -> None:
    client: Any = place.stores.aws.client("s3", HOME)
    for key in ("users/1/a.txt", "users/1/sub/b"):
        client.put_object(Bucket=place.stores.bucket, Key=key, Body=key.encode())
    bucket = place.stores.bucket
    assert holdfast("backup", f"s3://{bucket}/users/1", "--repo", place.repo).status == 0
    assert holdfast("restore", "latest", "--target", f"s3://{bucket}/back", "--repo", place.repo).status == 0
    assert objects_in(place.stores, "back/") == {
        "back/a.txt": b"users/1/a.txt",
        "back/sub/b": b"users/1/sub/b",
    }
    assert holdfast("restore", "latest:sub/b", "--target", "here", "--repo", place.repo).status == 0
    assert (tmp_path / "here" / "b").read_bytes() == b"users/1/sub/b"


def test_a_bucket_without_its_tables_is_read_only(holdfast: Run, place: Place, tmp_path: Path) -> None:
    make(TREE, tmp_path / "source")
    assert holdfast("backup", "source", "--repo", place.repo).status == 0
    assert holdfast("restore", "latest", "--target", "target", "--repo", place.replica).status == 0
    assert picture(tmp_path / "target") == picture(tmp_path / "source")
    refused = holdfast("backup", "source", "--repo", place.replica)
    assert (refused.status, "can only be read" in refused.err) == (2, True)


def test_a_password_may_open_a_bucket_too(holdfast: Run, place: Place, tmp_path: Path) -> None:
    Path("new").write_text("sesame\n")
    assert holdfast("repo", "key", "add", place.repo, "--new-password-file", "new").status == 0
    listed = json.loads(holdfast("repo", "key", "list", place.repo, "--output", "json").out)
    assert sorted(one["kind"] for one in listed) == ["kms", "password"]


BAD = [
    (["backup", "s3://b/x", "y"], 2, "backed up alone"),
    (["backup", "s3://b/x", "--exclude", "y"], 2, "backed up alone"),
    (["backup", "s3://nobody-has-this-bucket/x"], 4, "nobody-has-this-bucket"),
]


@pytest.mark.parametrize(("arguments", "status", "text"), BAD, ids=[" ".join(line[0]) for line in BAD])
def test_a_mistake_is_one_line(holdfast: Run, place: Place, arguments: list[str], status: int, text: str) -> None:
    done = holdfast(*arguments, "--repo", place.repo)
    assert (done.status, done.out) == (status, "")
    assert text in done.err
    assert len(done.err.splitlines()) == 1


def test_a_bucket_without_a_repository_is_status_4(holdfast: Run, place: Place) -> None:
    for repo in (f"s3://{place.stores.bucket}/elsewhere", "vault:no-such-stack"):
        done = holdfast("snapshots", "--repo", repo)
        assert (done.status, len(done.err.splitlines())) == (4, 1)
