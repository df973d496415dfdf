from __future__ import annotations

import uuid

import pytest

from holdfast.errors import StoreUnavailable
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.vault.empty import empty_all
from tests.support.vaults import AWAY, HOME, EmulatedClients

pytestmark = pytest.mark.emulator


def full_bucket(aws: EmbeddedAws, region: str) -> str:
    """A bucket with two versions and a delete marker."""
    client, name = aws.client("s3", region), f"full-{uuid.uuid4().hex[:8]}"
    placed = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client.create_bucket(Bucket=name, **placed)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"old", b"new"):
        client.put_object(Bucket=name, Key="packs/one", Body=body)
    client.delete_object(Bucket=name, Key="packs/one")
    return name


def versions(aws: EmbeddedAws, region: str, bucket: str) -> int:
    found = aws.client("s3", region).list_object_versions(Bucket=bucket)
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))


def test_every_version_and_marker_of_both_regions_goes_and_the_buckets_can_be_deleted(aws: EmbeddedAws) -> None:
    buckets = [(HOME, full_bucket(aws, HOME)), (AWAY, full_bucket(aws, AWAY))]
    empty_all({"Buckets": [f"{region}/{name}" for region, name in buckets]}, EmulatedClients(aws), lambda: False)
    for region, name in buckets:
        aws.client("s3", region).delete_bucket(Bucket=name)


def test_a_bucket_that_is_gone_is_passed_over(aws: EmbeddedAws) -> None:
    name = full_bucket(aws, HOME)
    empty_all({"Buckets": [f"{HOME}/nowhere-{name}", f"{HOME}/{name}"]}, EmulatedClients(aws), lambda: False)
    assert versions(aws, HOME, name) == 0


def test_without_time_left_nothing_goes_and_the_reason_says_what_to_do(aws: EmbeddedAws) -> None:
    name = full_bucket(aws, HOME)
    with pytest.raises(StoreUnavailable, match="delete the stack again"):
        empty_all({"Buckets": [f"{HOME}/{name}"]}, EmulatedClients(aws), lambda: True)
    assert versions(aws, HOME, name) == 3
