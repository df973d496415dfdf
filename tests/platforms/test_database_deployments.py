"""Database platforms on the embedded AWS: created, read back through the services, updated in place, deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.platforms import synthesize
from holdfast.rehearsal.deploy import DeployedStack, deploy, destroy
from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.ports import EmbeddedAws
from tests.platforms.databases import settings_of
from tests.platforms.reading import meets

REGION = "us-east-1"
PLATFORMS = {
    "serverless-database": {"backup_days": 5, "port": 3306, "engine": "aurora-mysql", "members": 2},
    "payment-database": {"backup_days": 7, "port": 5432, "engine": "aurora-postgresql", "members": 3},
}


class Deployed(NamedTuple):
    """A platform as it stands on the embedded AWS; `updated` is the same after another deployment."""

    aws: EmbeddedAws
    wanted: dict[str, Any]
    stack: DeployedStack
    updated: DeployedStack
    left: list[str]
    seen: dict[str, Any]


def written(platform: str, folder: Path, **changes: Any) -> Path:
    synthesize(settings_of(platform, alerts=["ops@example.com"], **changes), out=folder)
    return folder


@pytest.fixture(scope="module", params=list(PLATFORMS))
def deployed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    wanted, folder = PLATFORMS[request.param], tmp_path_factory.mktemp("deployment")
    with embedded_aws(folder=tmp_path_factory.mktemp("aws")) as aws:
        first = deploy(aws, written(request.param, folder / "first"))
        seen = look(aws, first.stacks[-1])
        more = deploy(aws, written(request.param, folder / "more", database={"backup_days": 9}))
        seen["backup days after the update"] = cluster_of(aws)["BackupRetentionPeriod"]
        left = destroy(aws, more)
        seen["clusters in the end"] = aws.client("rds", REGION).describe_db_clusters()["DBClusters"]
        yield Deployed(aws, wanted, first.stacks[-1], more.stacks[-1], left, seen)


def cluster_of(aws: EmbeddedAws) -> dict[str, Any]:
    (cluster,) = aws.client("rds", REGION).describe_db_clusters()["DBClusters"]
    found: dict[str, Any] = cluster
    return found


def look(aws: EmbeddedAws, stack: DeployedStack) -> dict[str, Any]:
    rds, cluster = aws.client("rds", REGION), cluster_of(aws)
    secret = aws.client("secretsmanager", REGION).get_secret_value(SecretId=stack.outputs["SecretArn"])
    group = cluster["DBClusterParameterGroup"]
    return {
        "cluster": cluster,
        "instances": rds.describe_db_instances()["DBInstances"],
        "secret": json.loads(secret["SecretString"]),
        "parameters": rds.describe_db_cluster_parameters(DBClusterParameterGroupName=group)["Parameters"],
        "alarms": aws.client("cloudwatch", REGION).describe_alarms()["MetricAlarms"],
        "key": stack.resources["Key9BCD29C7"],
    }


@meets("PG-41")
def test_cluster_is_encrypted_with_the_key_and_backed_up(deployed: Deployed) -> None:
    cluster = deployed.seen["cluster"]
    assert cluster["Engine"] == deployed.wanted["engine"]
    assert cluster["BackupRetentionPeriod"] == deployed.wanted["backup_days"]
    assert cluster["PreferredBackupWindow"] == "03:00-04:00"
    assert cluster["StorageEncrypted"] is True
    assert deployed.seen["key"] in cluster["KmsKeyId"]


@meets("PG-41")
def test_endpoints_name_the_cluster_and_its_port(deployed: Deployed) -> None:
    cluster, outputs = deployed.seen["cluster"], deployed.stack.outputs
    assert cluster["Endpoint"] in outputs["ClusterEndpoint"]
    assert cluster["Port"] == deployed.wanted["port"]
    readers = outputs.get("ClusterReaderEndpoint") or outputs["ClusterReadEndpoint"]
    assert cluster["ReaderEndpoint"] in readers
    assert len(deployed.seen["instances"]) == deployed.wanted["members"]


@meets("PG-41")
def test_secret_is_readable_and_holds_what_a_client_needs(deployed: Deployed) -> None:
    secret = deployed.seen["secret"]
    assert secret["username"] == deployed.seen["cluster"]["MasterUsername"]
    assert len(secret["password"]) >= 30
    assert secret["host"] == deployed.seen["cluster"]["Endpoint"]
    assert int(secret["port"]) == deployed.wanted["port"]


@meets("PG-41")
def test_tls_is_demanded_by_the_parameters_in_force(deployed: Deployed) -> None:
    found = {one["ParameterName"]: one.get("ParameterValue") for one in deployed.seen["parameters"]}
    assert found.get("rds.force_ssl") == "1" or found.get("require_secure_transport") == "ON"


@meets("PG-41")
def test_alarms_exist_and_act(deployed: Deployed) -> None:
    assert len(deployed.seen["alarms"]) == 7
    assert all(one["AlarmActions"] for one in deployed.seen["alarms"])


def test_longer_retention_is_an_update_in_place(deployed: Deployed) -> None:
    assert deployed.seen["backup days after the update"] == 9
    assert deployed.updated.resources == deployed.stack.resources


def test_deletion_leaves_nothing(deployed: Deployed) -> None:
    assert deployed.left == []
    assert deployed.seen["clusters in the end"] == []


@meets("AU-26")
def test_bucket_with_versions_goes_with_its_stack_under_enforced_permissions(tmp_path: Path) -> None:
    with embedded_aws(strict=True, folder=tmp_path) as aws:
        deployed = deploy(aws, written("serverless-database", tmp_path / "assembly"))
        bucket = deployed.stacks[-1].outputs["BackupBucketName"]
        s3 = aws.client("s3", REGION)
        for body in (b"old", b"new"):
            s3.put_object(Bucket=bucket, Key="exports/orders.parquet", Body=body)
        s3.delete_object(Bucket=bucket, Key="exports/orders.parquet")
        assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 2
        assert destroy(aws, deployed) == []
        assert bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]
