from __future__ import annotations

import json

from holdfast.settings.engine_versions import VERSIONS
from tests.platforms.reading import meets
from tests.platforms.web_application.stacks import imports, stack

CLUSTER, INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"


@meets("HA-01", "HA-02")
def test_cluster_is_of_a_postgresql_15_that_can_be_created() -> None:
    cluster = stack("database").one(CLUSTER)
    assert cluster["Engine"] == "aurora-postgresql"
    assert cluster["EngineVersion"].startswith("15.")
    assert cluster["EngineVersion"] in {one.version for one in VERSIONS}
    assert stack("database", database={"engine_version": "15.15"}).one(CLUSTER)["EngineVersion"] == "15.15"


@meets("HA-03")
def test_automated_backups_are_kept_seven_days() -> None:
    assert stack("database").one(CLUSTER)["BackupRetentionPeriod"] == 7
    assert stack("database", database={"backup_days": 14}).one(CLUSTER)["BackupRetentionPeriod"] == 14


@meets("HA-04")
def test_storage_and_snapshots_are_encrypted_with_the_customers_key() -> None:
    cluster = stack("database").one(CLUSTER)
    assert cluster["StorageEncrypted"] is True
    assert imports(cluster["KmsKeyId"]).startswith("web-application-keys-dev:")


@meets("HA-05")
def test_database_lies_in_the_private_subnets_of_each_zone() -> None:
    for zones in (2, 3):
        subnets = stack("database", network={"zones": zones}).one("AWS::RDS::DBSubnetGroup")["SubnetIds"]
        assert len(subnets) == zones
        assert all("PrivateSubnet" in imports(one) for one in subnets)


@meets("HA-06")
def test_instances_are_serverless_with_a_range() -> None:
    template = stack("database", database={"min_capacity": 1.5, "max_capacity": 16})
    scaling = template.one(CLUSTER)["ServerlessV2ScalingConfiguration"]
    assert scaling == {"MinCapacity": 1.5, "MaxCapacity": 16}
    assert {one["DBInstanceClass"] for one in template.of(INSTANCE)} == {"db.serverless"}


@meets("HA-07")
def test_a_reader_that_can_take_over_stands_beside_the_writer() -> None:
    assert [one["PromotionTier"] for one in stack("database").of(INSTANCE)] == [0, 1]
    assert len(stack("database", database={"readers": 3}).of(INSTANCE)) == 4


@meets("HA-08")
def test_instances_are_not_public() -> None:
    assert {one["PubliclyAccessible"] for one in stack("database").of(INSTANCE)} == {False}


@meets("HA-09")
def test_password_is_generated_and_leaves_its_secret_by_reference_alone() -> None:
    template = stack("database")
    secret = template.one("AWS::SecretsManager::Secret")
    password = template.one(CLUSTER)["MasterUserPassword"]
    assert password == f"{{{{resolve:secretsmanager:{{{secret.id}}}:SecretString:password::}}}}"
    assert secret["GenerateSecretString.GenerateStringKey"] == "password"
    container = stack("compute").one("AWS::ECS::TaskDefinition")["ContainerDefinitions"][0]
    assert "resolve:" not in json.dumps(container)
    assert {"DATABASE_SECRET_ARN"} == {one["Name"] for one in container["Environment"] if "SECRET" in one["Name"]}


def test_password_rotates_from_inside_the_network() -> None:
    schedule = stack("database").one("AWS::SecretsManager::RotationSchedule")
    assert schedule["RotationRules"] == {"ScheduleExpression": "rate(30 days)"}
    assert schedule["HostedRotationLambda.RotationType"] == "PostgreSQLSingleUser"
    assert schedule["HostedRotationLambda.RotationLambdaName"] == "aurora-cluster-dev-rotation"
    logs = stack("database").of("AWS::Logs::LogGroup", LogGroupName="/aws/lambda/aurora-cluster-dev-rotation")
    assert len(logs) == 1


@meets("HA-10")
def test_connections_without_tls_are_refused() -> None:
    template = stack("database")
    group = template.one("AWS::RDS::DBClusterParameterGroup")
    assert group["Parameters"]["rds.force_ssl"] == "1"
    assert template.one(CLUSTER)["DBClusterParameterGroupName"] == f"{{{group.id}}}"
