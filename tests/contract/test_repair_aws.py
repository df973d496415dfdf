"""`holdfast repair` and `repo key rotate` on a repository in a bucket, with a copy in another, on the embedded AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.aws_stores import make_stores
from tests.support.command_line import Run
from tests.support.command_line import holdfast_on_aws as holdfast
from tests.support.emulator import HOME, aws
from tests.support.repositories import noise

pytestmark = pytest.mark.emulator
__all__ = ["aws", "holdfast"]


def test_a_bucket_is_repaired_from_a_copy_and_its_keys_are_rotated(
    holdfast: Run, aws: EmbeddedAws, tmp_path: Path
) -> None:
    stores = make_stores(aws)
    client: Any = aws.client("s3", HOME)
    key = aws.client("kms", HOME).create_key()["KeyMetadata"]["Arn"]
    repo = f"s3://{stores.bucket}/backups?key={key}&metadata={stores.metadata}&deduplication={stores.deduplication}"
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(noise(200_000))
    assert holdfast("repo", "create", repo, "--quiet").status == 0
    assert holdfast("backup", "source", "--repo", repo).status == 0
    found = client.list_objects_v2(Bucket=stores.bucket, Prefix="backups/")["Contents"]
    bodies = {one["Key"]: client.get_object(Bucket=stores.bucket, Key=one["Key"])["Body"].read() for one in found}
    for name, body in bodies.items():
        client.put_object(Bucket=stores.bucket, Key=name.replace("backups/", "copy/", 1), Body=body)
    for name, body in bodies.items():  # every pack and manifest is hurt, and the config
        if not name.startswith("backups/keys/"):
            client.put_object(Bucket=stores.bucket, Key=name, Body=body[:50] + b"?" + body[51:])

    refused = holdfast("verify", "--read-data", "--repo", repo)
    assert (refused.status, "config is damaged" in refused.err) == (1, True)
    copy = f"s3://{stores.bucket}/copy"
    healed = holdfast("repair", "--repo", repo, "--replica", copy, "--apply", "--output", "json")
    assert (healed.status, healed.json["ok"], healed.json["packs_evacuated"]) == (0, True, 2)
    assert holdfast("verify", "--read-data", "--repo", repo).status == 0
    assert json.loads(holdfast("repo", "key", "rotate", repo, "--output", "json").out) == {"ring": 2}
    assert holdfast("backup", "source", "--repo", repo, "--user", "bob").status == 0
    assert holdfast("prune", "--repo", repo, "--apply").status == 0
    assert holdfast("verify", "--read-data", "--repo", repo).status == 0
    assert holdfast("restore", "latest", "--repo", repo, "--target", "back").status == 0
    assert (tmp_path / "back" / "file").read_bytes() == noise(200_000)
