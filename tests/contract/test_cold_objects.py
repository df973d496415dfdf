"""Objects in archive classes, on the embedded AWS: told, asked for, and read once they are thawed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from holdfast.backup.cold import Tier
from holdfast.backup.stores.aws.objects import S3Objects
from holdfast.errors import NotFound, StoreDenied
from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.emulator import HOME, aws
from tests.support.patience import eventually

pytestmark = pytest.mark.emulator
__all__ = ["aws"]


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_is_read_after_it_was_thawed(aws: EmbeddedAws, storage_class: str) -> None:
    client: Any = aws.client("s3", HOME)
    bucket = f"cold-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="r/packs/a", Body=b"cold", StorageClass=storage_class)
    client.put_object(Bucket=bucket, Key="r/packs/b", Body=b"warm")
    objects = S3Objects(client, bucket, "r/")
    cold = objects.temperature("packs/a")
    assert (cold.storage_class, cold.readable, cold.thawing) == (storage_class, False, False)
    assert (objects.temperature("packs/b").storage_class, objects.temperature("packs/b").readable) == ("STANDARD", True)
    with pytest.raises(StoreDenied, match="it is archived: `holdfast restore --thaw standard`"):
        objects.get("packs/a")
    for _ in range(2):  # the second finds it under way
        objects.thaw("packs/a", Tier.BULK, 2)
    assert objects.temperature("packs/a").thawing
    eventually(lambda: objects.temperature("packs/a").readable)
    assert objects.get("packs/a") == b"cold"
    objects.thaw("packs/b", Tier.BULK, 2)
    with pytest.raises(NotFound):
        objects.temperature("packs/c")
