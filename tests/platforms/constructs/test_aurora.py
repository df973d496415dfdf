from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2

from holdfast.errors import InvalidRequest
from holdfast.platforms.constructs.aurora import Capacity
from holdfast.settings.engine_versions import DEFAULT_MYSQL, version_of
from tests.platforms.constructs.cluster import Bench, synthesized
from tests.platforms.reading import Template

CLUSTER, INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"
MYSQL = version_of("aurora-mysql", DEFAULT_MYSQL)


@pytest.fixture(scope="module")
def plain() -> Template:
    return synthesized()


def mysql(*logs: str, **changes: Any) -> Template:
    return synthesized(version=MYSQL, exported_logs=list(logs), **changes)


def test_cluster_is_encrypted_backed_up_and_of_a_long_term_version(plain: Template) -> None:
    cluster = plain.one(CLUSTER)
    assert cluster["StorageEncrypted"] is True
    assert cluster["KmsKeyId"] == f"{{{plain.one('AWS::KMS::Key').id}.Arn}}"
    assert (cluster["Engine"], cluster["EngineVersion"]) == ("aurora-postgresql", "15.10")
    assert (cluster["BackupRetentionPeriod"], cluster["PreferredBackupWindow"]) == (7, "03:00-04:00")
    assert cluster["CopyTagsToSnapshot"] is True


def test_password_is_a_dynamic_reference_and_the_name_is_plain(plain: Template) -> None:
    secret = plain.one("AWS::SecretsManager::Secret")
    cluster = plain.one(CLUSTER)
    assert cluster["MasterUserPassword"] == f"{{{{resolve:secretsmanager:{{{secret.id}}}:SecretString:password::}}}}"
    assert cluster["MasterUsername"] == "dbadmin"
    assert secret["GenerateSecretString.PasswordLength"] == 32
    assert secret["GenerateSecretString.ExcludePunctuation"] is True
    assert "SecretString" not in secret.properties


def test_writer_is_made_first_and_readers_follow_in_tiers(plain: Template) -> None:
    instances = plain.of(INSTANCE)
    assert [one["PromotionTier"] for one in instances] == [0, 1, 2]
    assert [one["DBInstanceIdentifier"] for one in instances] == ["orders-dev-1", "orders-dev-2", "orders-dev-3"]
    assert all(instances[0].id in one.raw["DependsOn"] for one in instances[1:])


def test_instances_are_private_watched_closely_and_stay_on_their_long_term_version(plain: Template) -> None:
    role = plain.one("AWS::IAM::Role")
    for one in plain.of(INSTANCE):
        assert one["PubliclyAccessible"] is False
        assert one["EnablePerformanceInsights"] is True
        assert one["PerformanceInsightsRetentionPeriod"] == 7
        assert (one["MonitoringInterval"], one["MonitoringRoleArn"]) == (60, f"{{{role.id}.Arn}}")
        assert one["AutoMinorVersionUpgrade"] is False
    trusted = role["AssumeRolePolicyDocument.Statement"][0]["Principal"]["Service"]
    assert trusted == "monitoring.rds.amazonaws.com"
    assert plain.one(CLUSTER)["DatabaseInsightsMode"] == "standard"


def test_version_without_long_term_support_is_upgraded_by_itself() -> None:
    newer = synthesized(version=version_of("aurora-postgresql", "15.17"))
    assert {one["AutoMinorVersionUpgrade"] for one in newer.of(INSTANCE)} == {True}


def test_tls_is_the_only_way_in(plain: Template) -> None:
    group = plain.one("AWS::RDS::DBClusterParameterGroup")
    assert (group["Family"], group["Parameters"]) == ("aurora-postgresql15", {"rds.force_ssl": "1"})
    assert plain.one(CLUSTER)["DBClusterParameterGroupName"] == f"{{{group.id}}}"
    other = mysql("error").one("AWS::RDS::DBClusterParameterGroup")
    assert (other["Family"], other["Parameters"]) == ("aurora-mysql8.0", {"require_secure_transport": "ON"})


def test_exported_log_is_switched_on_and_has_a_group_that_ends_before_the_cluster_begins() -> None:
    template = mysql("error", "general", "slowquery", "audit")
    assert template.one("AWS::RDS::DBClusterParameterGroup")["Parameters"] == {
        "require_secure_transport": "ON",
        "general_log": "1",
        "slow_query_log": "1",
        "server_audit_logging": "1",
        "server_audit_events": "CONNECT,QUERY_DCL,QUERY_DDL",
    }
    groups = template.of("AWS::Logs::LogGroup", RetentionInDays=7)
    assert [one["LogGroupName"] for one in groups] == [
        f"/aws/rds/cluster/orders-dev/{log}" for log in ("error", "general", "slowquery", "audit")
    ]
    assert {one.id for one in groups} <= set(template.one(CLUSTER).raw["DependsOn"])


def test_parameters_of_the_caller_win() -> None:
    group = mysql("error", parameters={"binlog_format": "ROW"}).one("AWS::RDS::DBClusterParameterGroup")
    assert group["Parameters"] == {"require_secure_transport": "ON", "binlog_format": "ROW"}


def test_serverless_readers_of_the_first_tier_scale_with_the_writer() -> None:
    template = mysql("error", capacity=Capacity(least=0.5, most=2), readers=1)
    assert template.one(CLUSTER)["ServerlessV2ScalingConfiguration"] == {"MinCapacity": 0.5, "MaxCapacity": 2}
    assert [(one["DBInstanceClass"], one["PromotionTier"]) for one in template.of(INSTANCE)] == [
        ("db.serverless", 0),
        ("db.serverless", 1),
    ]


def test_database_lets_nobody_in_and_nothing_out_by_itself(plain: Template) -> None:
    group = next(one for one in plain.of("AWS::EC2::SecurityGroup") if "Database" in one["GroupDescription"])
    assert group.get("SecurityGroupIngress") is None
    assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["255.255.255.255/32"]
    assert plain.one(CLUSTER)["VpcSecurityGroupIds"] == [f"{{{group.id}.GroupId}}"]


def test_admitted_client_reaches_the_port_and_nothing_else() -> None:
    def wire(bench: Bench) -> None:
        client = ec2.SecurityGroup(bench, "Client", vpc=bench.network.vpc, allow_all_outbound=False)
        bench.database.admit(client, "the application")

    template = synthesized(wire)
    ingress, egress = template.one("AWS::EC2::SecurityGroupIngress"), template.one("AWS::EC2::SecurityGroupEgress")
    assert (ingress["FromPort"], ingress["ToPort"], ingress["IpProtocol"]) == (5432, 5432, "tcp")
    assert ingress["SourceSecurityGroupId"] == egress["GroupId"]
    assert egress["DestinationSecurityGroupId"] == ingress["GroupId"]


def test_connect_info_names_endpoints_port_and_the_attached_secret() -> None:
    found: dict[str, Any] = {}

    def wire(bench: Bench) -> None:
        info = bench.database.connect_info
        found.update(bench.resolve({"host": info.host, "reader": info.reader_host, "secret": info.secret.secret_arn}))
        found["port"] = info.port

    template = synthesized(wire)
    cluster, attachment = template.one(CLUSTER), template.one("AWS::SecretsManager::SecretTargetAttachment")
    assert found == {
        "host": {"Fn::GetAtt": [cluster.id, "Endpoint.Address"]},
        "reader": {"Fn::GetAtt": [cluster.id, "ReadEndpoint.Address"]},
        "secret": {"Ref": attachment.id},
        "port": 5432,
    }


@pytest.mark.parametrize(
    ("removal", "cluster", "rest"),
    [
        (RemovalPolicy.DESTROY, "Delete", "Delete"),
        (RemovalPolicy.SNAPSHOT, "Snapshot", "Delete"),
        (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate", "RetainExceptOnCreate"),
    ],
)
def test_removal_decides_what_stays(removal: RemovalPolicy, cluster: str, rest: str) -> None:
    template = synthesized(removal=removal, protected=removal is not RemovalPolicy.DESTROY)
    assert template.one(CLUSTER).raw["DeletionPolicy"] == cluster
    assert template.one(CLUSTER)["DeletionProtection"] is (removal is not RemovalPolicy.DESTROY)
    assert {one.raw["DeletionPolicy"] for one in template.of(INSTANCE)} == {rest}
    assert template.one("AWS::RDS::DBSubnetGroup").raw.get("DeletionPolicy", "Delete") == rest
    assert template.one("AWS::Logs::LogGroup", RetentionInDays=7).raw["DeletionPolicy"] == "Delete"
    key = template.one("AWS::KMS::Key").raw["DeletionPolicy"]
    assert key == ("Delete" if removal is RemovalPolicy.DESTROY else "RetainExceptOnCreate")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"readers": 16}, "readers must be 0 to 15, got 16"),
        ({"readers": -1}, "readers must be 0 to 15, got -1"),
        ({"instance_class": None}, "needs an instance class or a capacity, not both"),
        ({"capacity": Capacity(least=1, most=2), "instance_class": "db.r6g.large"}, "not both: name one"),
        ({"instance_names": ["only-one"]}, "needs 3 instance names, got 1"),
    ],
)
def test_impossible_cluster_is_refused_in_one_line(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(InvalidRequest, match=line):
        synthesized(**changes)


def test_rotation_runs_where_it_reaches_database_and_secrets_manager() -> None:
    def wire(bench: Bench) -> None:
        network = bench.network
        bench.database.rotate(subnets=network.vpc.isolated_subnets, endpoint_group=network.endpoint_group)

    template = synthesized(wire)
    schedule = template.one("AWS::SecretsManager::RotationSchedule")
    hosted = schedule["HostedRotationLambda"]
    seat = hosted["VpcSecurityGroupIds"]
    assert schedule["SecretId"] == f"{{{template.one('AWS::SecretsManager::SecretTargetAttachment').id}}}"
    assert schedule["RotationRules"] == {"ScheduleExpression": "rate(30 days)"}
    assert (hosted["RotationType"], hosted["RotationLambdaName"]) == ("PostgreSQLSingleUser", "orders-dev-rotation")
    assert len(hosted["VpcSubnetIds"].split(",")) == 2
    admitted = {one["ToPort"]: one for one in template.of("AWS::EC2::SecurityGroupIngress", SourceSecurityGroupId=seat)}
    allowed_out = {one["ToPort"]: one for one in template.of("AWS::EC2::SecurityGroupEgress", GroupId=seat)}
    assert set(admitted) == set(allowed_out) == {5432, 443}
    first = set(schedule.raw["DependsOn"])
    assert {one.id for one in template.of(INSTANCE)} <= first
    assert {one.id for one in (*admitted.values(), *allowed_out.values())} <= first
    assert template.raw["Transform"] == "AWS::SecretsManager-2024-09-16"


def test_rotation_of_mysql_is_of_its_engine() -> None:
    def wire(bench: Bench) -> None:
        bench.database.rotate(subnets=bench.network.vpc.isolated_subnets, endpoint_group=None, days=7)

    template = synthesized(wire, version=MYSQL, exported_logs=["error"])
    schedule = template.one("AWS::SecretsManager::RotationSchedule")
    assert schedule["HostedRotationLambda.RotationType"] == "MySQLSingleUser"
    assert schedule["RotationRules"] == {"ScheduleExpression": "rate(7 days)"}
    assert "0.0.0.0/0" in json.dumps(template.of("AWS::EC2::SecurityGroup")[-1].properties)


def test_log_of_the_rotation_expires_and_is_there_before_the_function() -> None:
    def wire(bench: Bench) -> None:
        bench.database.rotate(subnets=bench.network.vpc.isolated_subnets, endpoint_group=None)

    template = synthesized(wire)
    log = template.one("AWS::Logs::LogGroup", LogGroupName="/aws/lambda/orders-dev-rotation")
    assert (log["RetentionInDays"], log.raw["DeletionPolicy"]) == (7, "Delete")
    assert log.id in template.one("AWS::SecretsManager::RotationSchedule").raw["DependsOn"]
