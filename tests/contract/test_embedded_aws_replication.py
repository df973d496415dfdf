"""Replication takes its time, keeps to its rule, can stand still, and loses what a lost region still held."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.rehearsal.deploy import deploy
from holdfast.rehearsal.ports import EmbeddedAws, Replicated
from tests.support.emulator import ANYTHING, AWAY, HOME, code, function, invoke, role, stack
from tests.support.patience import eventually

pytestmark = pytest.mark.emulator

SOURCE, REPLICA, LATE = "replicated-source", "replicated-target", "created-unversioned"


def key() -> dict[str, Any]:
    everything = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    return {
        "Type": "AWS::KMS::Key",
        "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [everything]}},
    }


def bucket(name: str, **properties: Any) -> dict[str, Any]:
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}
    return {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "BucketName": name,
            "VersioningConfiguration": {"Status": "Enabled"},
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": encryption}]},
            "ObjectLockEnabled": True,
            "ObjectLockConfiguration": {
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 7}},
            },
            **properties,
        },
    }


@pytest.fixture(scope="module")
def buckets(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedAws:
    away = deploy(aws, [stack("target", {"Key": key(), "Bucket": bucket(REPLICA)}, region=AWAY)]).stacks[0]
    replica_key = f"arn:aws:kms:{AWAY}:{aws.account}:key/{away.resources['Key']}"
    rule = {
        "Id": "kept",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": "kept/"},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {
            "Bucket": f"arn:aws:s3:::{REPLICA}",
            "EncryptionConfiguration": {"ReplicaKmsKeyID": replica_key},
            "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
            "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
        },
    }
    ping = code(tmp_path_factory.mktemp("bundles"), "ping", "def handler(event, context):\n    return 'pong'\n")
    resources = {
        "Key": key(),
        "Role": role(ANYTHING, "s3.amazonaws.com"),
        "Ping": function("ping", ping),
        "Bucket": bucket(SOURCE, ReplicationConfiguration={"Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Rules": [rule]}),
    }
    deploy(aws, [stack("source", resources, ping)])
    return aws


@pytest.fixture(autouse=True)
def usual(buckets: EmbeddedAws) -> Iterator[None]:
    yield
    buckets.restore_region(HOME)
    buckets.restore_region(AWAY)
    buckets.set_replication(lag_seconds=0, paused=False)


def put(aws: EmbeddedAws, name: str, body: bytes = b"body", **options: Any) -> str:
    version: str = aws.client("s3", HOME).put_object(Bucket=SOURCE, Key=name, Body=body, **options)["VersionId"]
    return version


def finished(aws: EmbeddedAws, name: str) -> Replicated | None:
    return next((copy for copy in aws.replication().finished if copy.key == name), None)


def replica(aws: EmbeddedAws, name: str) -> Any:
    s3 = aws.client("s3", AWAY)
    try:
        return s3.get_object(Bucket=REPLICA, Key=name)
    except s3.exceptions.NoSuchKey:
        return None


def test_a_replica_has_bytes_metadata_tags_retention_and_its_own_key(buckets: EmbeddedAws) -> None:
    put(buckets, "kept/whole", b"x" * 100_000, Metadata={"colour": "green"}, Tagging="kind=pack")
    copied = eventually(lambda: finished(buckets, "kept/whole"))
    assert copied.status == "COMPLETED"

    s3 = buckets.client("s3", AWAY)
    found = s3.get_object(Bucket=REPLICA, Key="kept/whole")
    assert found["Body"].read() == b"x" * 100_000
    assert found["Metadata"] == {"colour": "green"}
    assert found["ReplicationStatus"] == "REPLICA"
    assert found["SSEKMSKeyId"].startswith(f"arn:aws:kms:{AWAY}:")
    assert found["ObjectLockMode"] == "GOVERNANCE"
    tags = s3.get_object_tagging(Bucket=REPLICA, Key="kept/whole")["TagSet"]
    assert tags == [{"Key": "kind", "Value": "pack"}]


def test_an_object_waits_for_the_lag_and_the_measured_time_says_so(buckets: EmbeddedAws) -> None:
    buckets.set_replication(lag_seconds=0.5)
    began = time.time()
    put(buckets, "kept/late")
    source = buckets.client("s3", HOME)

    assert source.head_object(Bucket=SOURCE, Key="kept/late")["ReplicationStatus"] == "PENDING"
    assert replica(buckets, "kept/late") is None
    assert buckets.replication().pending == 1
    copied = eventually(lambda: finished(buckets, "kept/late"))
    assert copied.replica_at is not None
    assert copied.put_at >= began
    assert 0.5 <= copied.replica_at - copied.put_at < 3
    assert source.head_object(Bucket=SOURCE, Key="kept/late")["ReplicationStatus"] == "COMPLETED"


def test_what_the_rule_does_not_cover_is_not_replicated(buckets: EmbeddedAws) -> None:
    put(buckets, "elsewhere/one")
    put(buckets, "kept/after-it")
    eventually(lambda: finished(buckets, "kept/after-it"))
    assert replica(buckets, "elsewhere/one") is None
    assert "ReplicationStatus" not in buckets.client("s3", HOME).head_object(Bucket=SOURCE, Key="elsewhere/one")


def test_a_delete_marker_is_replicated_and_a_deleted_version_is_not(buckets: EmbeddedAws) -> None:
    source = buckets.client("s3", HOME)
    version = put(buckets, "kept/gone")
    eventually(lambda: replica(buckets, "kept/gone"))

    source.delete_object(Bucket=SOURCE, Key="kept/gone", VersionId=version, BypassGovernanceRetention=True)
    put(buckets, "kept/next")
    eventually(lambda: finished(buckets, "kept/next"))
    assert replica(buckets, "kept/gone") is not None

    put(buckets, "kept/marked")
    eventually(lambda: replica(buckets, "kept/marked"))
    source.delete_object(Bucket=SOURCE, Key="kept/marked")
    eventually(lambda: replica(buckets, "kept/marked") is None)


def test_replication_stands_still_while_paused(buckets: EmbeddedAws) -> None:
    buckets.set_replication(paused=True)
    put(buckets, "kept/frozen")
    time.sleep(0.2)
    assert buckets.replication().pending == 1
    assert replica(buckets, "kept/frozen") is None
    buckets.set_replication(paused=False)
    eventually(lambda: finished(buckets, "kept/frozen"))


def test_a_lost_region_answers_nothing_and_loses_what_it_had_not_replicated(buckets: EmbeddedAws) -> None:
    put(buckets, "kept/in-time", b"safe")
    eventually(lambda: finished(buckets, "kept/in-time"))
    assert invoke(buckets, "ping") == "pong"
    buckets.set_replication(lag_seconds=60)
    put(buckets, "kept/too-late")

    buckets.lose_region(HOME)

    for service, call in (("s3", "list_buckets"), ("dynamodb", "list_tables"), ("lambda", "list_functions")):
        with pytest.raises(ClientError, match=r"ServiceUnavailable|lost"):
            getattr(buckets.client(service, HOME), call)()
    assert len(buckets.process_ids()) == 1
    lost = finished(buckets, "kept/too-late")
    assert lost is not None
    assert (lost.status, lost.replica_at) == ("LOST", None)
    assert replica(buckets, "kept/in-time")["Body"].read() == b"safe"

    buckets.restore_region(HOME)
    assert buckets.client("s3", HOME).get_object(Bucket=SOURCE, Key="kept/too-late")["Body"].read() == b"body"
    assert invoke(buckets, "ping") == "pong"


def test_a_lost_replica_region_takes_no_copies(buckets: EmbeddedAws) -> None:
    buckets.lose_region(AWAY)
    put(buckets, "kept/nowhere")
    refused = eventually(lambda: finished(buckets, "kept/nowhere"))
    assert refused.status == "FAILED"
    assert "us-west-2" in refused.reason or REPLICA in refused.reason
    assert buckets.client("s3", HOME).head_object(Bucket=SOURCE, Key="kept/nowhere")["ReplicationStatus"] == "FAILED"
