"""The file of `transaction-database` handed to CloudFormation as it is, by the plain API and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.platforms import synthesize
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.settings.load import defaults

pytestmark = [pytest.mark.emulator, pytest.mark.synth]

REGION = "us-east-1"
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> str:
    (stack,) = synthesize(defaults("transaction-database"), out=tmp_path_factory.mktemp("file"))
    return Path(stack.template_path).read_text()


def create(aws: EmbeddedAws, body: str, name: str, **parameters: str) -> dict[str, str]:
    client = aws.client("cloudformation", REGION)
    client.create_stack(
        StackName=name,
        TemplateBody=body,
        Capabilities=CAPABILITIES,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 100})
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def cluster_of(aws: EmbeddedAws, name: str) -> Any:
    (found,) = aws.client("rds", REGION).describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    return found


def test_it_deploys_twice_in_one_account_with_what_its_deployer_chose(aws: EmbeddedAws, body: str) -> None:
    produced = create(aws, body, "tx-production", EnvironmentSuffix="production")
    tested = create(
        aws,
        body,
        "tx-qa",
        EnvironmentSuffix="qa",
        DBInstanceClass="db.r5.large",
        BackupRetentionPeriod="35",
        DBName="cards",
        DBMasterUsername="chief",
    )
    assert produced["ClusterIdentifier"] == "aurora-mysql-cluster-production"
    assert [tested[f"Instance{n}Identifier"] for n in (1, 2, 3)] == [f"aurora-mysql-instance-{n}-qa" for n in (1, 2, 3)]

    qa = cluster_of(aws, tested["ClusterIdentifier"])
    assert (qa["DatabaseName"], qa["MasterUsername"], qa["BackupRetentionPeriod"]) == ("cards", "chief", 35)
    assert [cluster_of(aws, one["ClusterIdentifier"])["DeletionProtection"] for one in (produced, tested)] == [
        True,
        False,
    ]
    instances = aws.client("rds", REGION).describe_db_instances(DBInstanceIdentifier="aurora-mysql-instance-2-qa")
    assert instances["DBInstances"][0]["DBInstanceClass"] == "db.r5.large"
    alarms = aws.client("cloudwatch", REGION).describe_alarms(AlarmNames=["aurora-mysql-connection-limit-writer-qa"])
    assert alarms["MetricAlarms"][0]["Threshold"] == 800

    client = aws.client("cloudformation", REGION)
    client.delete_stack(StackName="tx-qa")
    client.get_waiter("stack_delete_complete").wait(StackName="tx-qa", WaiterConfig={"Delay": 0.2, "MaxAttempts": 100})
    rds = aws.client("rds", REGION)
    snapshots = rds.describe_db_cluster_snapshots(DBClusterIdentifier="aurora-mysql-cluster-qa")["DBClusterSnapshots"]
    assert len(snapshots) == 1
    key = aws.client("kms", REGION).describe_key(KeyId=tested["KMSKeyId"])["KeyMetadata"]
    assert key["KeyState"] == "Enabled"
