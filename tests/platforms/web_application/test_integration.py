"""The deployed application, looked at through its outputs as an integration test in AWS would, on the embedded AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.platforms import synthesize
from holdfast.rehearsal.deploy import Deployment, deploy, destroy
from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.ports import EmbeddedAws
from tests.platforms.databases import settings_of
from tests.platforms.reading import meets
from tests.platforms.web_application.stacks import CERTIFICATE, IMAGE, NAME

pytestmark = [pytest.mark.emulator, pytest.mark.synth]
ALERTS = ["ops@example.com", "oncall@example.com"]


class Deployed:
    """The seven stacks, and their outputs by name."""

    def __init__(self, aws: EmbeddedAws, folder: Path) -> None:
        self.aws = aws
        application = {"certificate": CERTIFICATE, "image": IMAGE}
        synthesize(settings_of(NAME, account=aws.account, alerts=ALERTS, application=application), out=folder)
        self.deployment: Deployment = deploy(aws, folder)
        self.outputs = {name: value for one in self.deployment.stacks for name, value in one.outputs.items()}

    def client(self, service: str) -> Any:
        return self.aws.client(service, "us-east-1")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("web")
    with embedded_aws(folder=folder) as aws:
        yield Deployed(aws, folder / "assembly")


@meets("HA-59")
def test_balancer_is_found_by_its_name_and_serves_https_alone(deployed: Deployed) -> None:
    client = deployed.client("elbv2")
    (balancer,) = client.describe_load_balancers()["LoadBalancers"]
    assert balancer["DNSName"] == deployed.outputs["LoadBalancerDnsName"]
    listeners = client.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    actions = {one["Port"]: one["DefaultActions"][0]["Type"] for one in listeners}
    assert actions == {443: "forward", 80: "redirect"}


@meets("HA-59")
def test_service_runs_in_its_cluster(deployed: Deployed) -> None:
    outputs = deployed.outputs
    answer = deployed.client("ecs").describe_services(
        cluster=outputs["EcsClusterName"], services=[outputs["EcsServiceName"]]
    )
    assert [one["launchType"] for one in answer["services"]] == ["FARGATE"]


@meets("HA-59")
def test_database_answers_to_the_told_endpoint_and_holds_no_plain_password(deployed: Deployed) -> None:
    (cluster,) = deployed.client("rds").describe_db_clusters()["DBClusters"]
    assert cluster["Endpoint"] == deployed.outputs["DatabaseEndpoint"]
    assert cluster["ReaderEndpoint"] == deployed.outputs["DatabaseReadEndpoint"]
    assert cluster["StorageEncrypted"] is True
    secret = deployed.client("secretsmanager").get_secret_value(SecretId=deployed.outputs["DatabaseSecretArn"])
    assert '"password"' in secret["SecretString"]


@meets("HA-59")
def test_sessions_and_objects_are_written_and_read(deployed: Deployed) -> None:
    table, bucket = deployed.outputs["TableName"], deployed.outputs["BucketName"]
    session = {"sessionId": {"S": "one"}, "user": {"S": "ada"}}
    deployed.client("dynamodb").put_item(TableName=table, Item=session)
    found = deployed.client("dynamodb").get_item(TableName=table, Key={"sessionId": {"S": "one"}})
    assert found["Item"] == session
    deployed.client("s3").put_object(Bucket=bucket, Key="a", Body=b"1")
    assert deployed.client("s3").get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


@meets("HA-59")
def test_vault_topic_and_dashboard_are_where_the_outputs_say(deployed: Deployed) -> None:
    outputs = deployed.outputs
    vault = deployed.client("backup").describe_backup_vault(BackupVaultName=outputs["BackupVaultName"])
    assert vault["EncryptionKeyArn"] == outputs["KeyArn"]
    told = deployed.client("sns").list_subscriptions_by_topic(TopicArn=outputs["AlarmTopicArn"])["Subscriptions"]
    assert {one["Endpoint"] for one in told} == set(ALERTS)
    board = deployed.client("cloudwatch").get_dashboard(DashboardName=outputs["DashboardName"])
    assert "Database" in board["DashboardBody"]


@meets("HA-54", "HA-59")
def test_a_test_environment_goes_with_its_objects(tmp_path: Path) -> None:
    with embedded_aws(folder=tmp_path) as aws:
        deployed = Deployed(aws, tmp_path / "assembly")
        s3 = deployed.client("s3")
        for body in (b"1", b"2"):
            s3.put_object(Bucket=deployed.outputs["BucketName"], Key="a", Body=body)
        s3.delete_object(Bucket=deployed.outputs["BucketName"], Key="a")
        assert destroy(aws, deployed.deployment) == []
        names = {one["Name"] for one in s3.list_buckets()["Buckets"]}
        assert deployed.outputs["BucketName"] not in names
        assert deployed.client("rds").describe_db_clusters()["DBClusters"] == []
