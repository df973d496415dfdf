from __future__ import annotations

import json
from typing import Any

import pytest

from tests.platforms.reading import Resource, Template, as_list, meets, statement
from tests.platforms.transaction_database.conftest import Build

SUFFIX = "${EnvironmentSuffix}"
INSTANCES = ("DBInstance1", "DBInstance2", "DBInstance3")
STATEFUL = {"AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::KMS::Key", "AWS::SecretsManager::Secret"}
TAGGED = {
    "AWS::EC2::VPC",
    "AWS::EC2::Subnet",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::VPCEndpoint",
    "AWS::RDS::DBSubnetGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::EventSubscription",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::IAM::Role",
    "AWS::SNS::Topic",
    "AWS::Logs::LogGroup",
    "AWS::CloudWatch::Alarm",
}


def by_id(template: Template, id_: str) -> Resource:
    return next(one for one in template.resources if one.id == id_)


@meets("MY-16", "MY-83")
def test_vpc_has_the_parameters_range_and_names(template: Template) -> None:
    vpc = template.one("AWS::EC2::VPC")
    assert (vpc["CidrBlock"], vpc["EnableDnsSupport"], vpc["EnableDnsHostnames"]) == ("{VpcCIDR}", True, True)
    assert vpc.tags["Purpose"] == "Transaction Processing Database"


@meets("MY-17", "MY-84")
def test_three_private_subnets_are_in_three_zones(template: Template) -> None:
    subnets = template.of("AWS::EC2::Subnet")
    assert [one["CidrBlock"] for one in subnets] == [f"{{PrivateSubnet{n}CIDR}}" for n in (1, 2, 3)]
    assert [one.raw["Properties"]["AvailabilityZone"]["Fn::Select"][0] for one in subnets] == [0, 1, 2]
    assert {one["MapPublicIpOnLaunch"] for one in subnets} == {False}
    assert {one.tags["Type"] for one in subnets} == {"Private"}


@meets("MY-18")
def test_no_route_leads_out(template: Template) -> None:
    kinds = {one.type for one in template.resources}
    assert kinds.isdisjoint({"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"})


@meets("MY-19")
def test_subnet_group_spans_the_three(template: Template) -> None:
    group = template.one("AWS::RDS::DBSubnetGroup")
    assert group["DBSubnetGroupName"] == f"aurora-subnet-group-{SUFFIX}"
    assert group["SubnetIds"] == [f"{{PrivateSubnet{n}}}" for n in (1, 2, 3)]


@meets("MY-20", "MY-21")
def test_database_takes_mysql_from_the_vpc_and_lets_nothing_out(template: Template) -> None:
    group = by_id(template, "DBSecurityGroup")
    assert group["GroupName"] == f"aurora-sg-{SUFFIX}"
    (ingress,) = group["SecurityGroupIngress"]
    assert (ingress["IpProtocol"], ingress["FromPort"], ingress["ToPort"], ingress["CidrIp"]) == (
        "tcp",
        3306,
        3306,
        "{VpcCIDR}",
    )
    (egress,) = group["SecurityGroupEgress"]
    assert egress["CidrIp"] == "255.255.255.255/32"
    everywhere = [one for one in template.of("AWS::EC2::SecurityGroup") if "0.0.0.0/0" in json.dumps(one.properties)]
    assert everywhere == []


@meets("MY-22", "MY-24")
def test_key_rotates_and_admits_root_and_rds(template: Template) -> None:
    key = template.one("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    statements = key["KeyPolicy.Statement"]
    assert statement(statements, "EnableRootAccess")["Action"] == "kms:*"
    assert statement(statements, "EnableRootAccess")["Principal"]["AWS"].endswith(":root")
    rds = statement(statements, "AllowRDS")
    assert rds["Principal"] == {"Service": "rds.amazonaws.com"}
    assert rds["Action"] == ["kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"]
    alias = template.one("AWS::KMS::Alias")
    assert (alias["AliasName"], alias["TargetKeyId"]) == (f"alias/aurora-mysql-{SUFFIX}", f"{{{key.id}}}")


@meets("MY-23", "MY-43")
def test_final_snapshot_and_the_key_that_opens_it_outlive_the_stack(template: Template) -> None:
    cluster, key = template.one("AWS::RDS::DBCluster"), template.one("AWS::KMS::Key")
    assert (cluster.raw["DeletionPolicy"], cluster.raw["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert (key.raw["DeletionPolicy"], key.raw["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_written_destruction_leaves_nothing(build: Build) -> None:
    template = build(removal="destroy")
    assert {one.raw.get("DeletionPolicy", "Delete") for one in template.resources} == {"Delete"}
    assert template.one("AWS::RDS::DBCluster")["DeletionProtection"] is False


def test_written_retention_leaves_a_running_cluster_with_all_it_stands_on(build: Build) -> None:
    template = build(removal="retain")
    kept = {one.type for one in template.resources if one.raw.get("DeletionPolicy") == "RetainExceptOnCreate"}
    gone = {one.type for one in template.resources if one.raw.get("DeletionPolicy", "Delete") == "Delete"}
    assert {"AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::EC2::Subnet", "AWS::SecretsManager::Secret"} <= kept
    assert "AWS::Logs::LogGroup" in gone
    assert kept.isdisjoint(gone)


@meets("MY-25", "MY-26", "MY-27", "MY-28", "MY-29", "MY-30", "MY-31", "MY-32", "MY-33", "MY-34")
def test_cluster_parameters_are_set_and_the_limit_of_connections_is_left_to_its_formula(template: Template) -> None:
    group = template.one("AWS::RDS::DBClusterParameterGroup")
    assert group["Family"] == "aurora-mysql8.0"
    assert group["Parameters"] == {
        "innodb_flush_log_at_trx_commit": "1",
        "binlog_format": "ROW",
        "transaction_isolation": "READ-COMMITTED",
        "character_set_server": "utf8mb4",
        "collation_server": "utf8mb4_unicode_ci",
        "innodb_lock_wait_timeout": "50",
        "innodb_print_all_deadlocks": "1",
        "server_audit_logging": "1",
        "server_audit_events": "CONNECT,QUERY_DCL,QUERY_DDL",
        "require_secure_transport": "ON",
    }


@meets("MY-35", "MY-36", "MY-37", "MY-38", "MY-47")
@pytest.mark.parametrize("general", [True, False])
def test_every_exported_log_is_written_and_expires(build: Build, general: bool) -> None:
    template = build(database={"general_log": general})
    parameters = template.one("AWS::RDS::DBParameterGroup")["Parameters"]
    assert parameters == {
        "slow_query_log": "1",
        "long_query_time": "2",
        "log_queries_not_using_indexes": "1",
        "general_log": "1" if general else "0",
    }
    exported = ["error", *(["general"] if general else []), "slowquery", "audit"]
    cluster = template.one("AWS::RDS::DBCluster")
    assert cluster["EnableCloudwatchLogsExports"] == exported
    groups = template.of("AWS::Logs::LogGroup")
    names = [one["LogGroupName"] for one in groups]
    assert names == [f"/aws/rds/cluster/aurora-mysql-cluster-{SUFFIX}/{log}" for log in exported]
    assert {one["RetentionInDays"] for one in groups} == {30}
    assert set(cluster.raw["DependsOn"]) == {one.id for one in groups}


@meets("MY-39")
def test_secret_is_generated_for_the_parameters_user(template: Template) -> None:
    secret = template.one("AWS::SecretsManager::Secret")
    assert secret["Name"] == f"aurora-mysql-password-{SUFFIX}"
    generated = secret["GenerateSecretString"]
    assert json.loads(generated["SecretStringTemplate"]) == {"username": "${DBMasterUsername}"}
    assert generated["PasswordLength"] == 32
    assert set(generated["ExcludeCharacters"]) == set('"@/\\')
    assert generated["RequireEachIncludedType"] is True
    assert not [key for key in generated if key.startswith("Exclude") and key != "ExcludeCharacters"]


@meets("MY-40")
def test_secret_is_attached_and_rotates_where_it_reaches_its_database(template: Template) -> None:
    attachment = template.one("AWS::SecretsManager::SecretTargetAttachment")
    assert (attachment["SecretId"], attachment["TargetId"]) == ("{DBPasswordSecret}", "{AuroraCluster}")
    rotation = template.one("AWS::SecretsManager::RotationSchedule")
    assert rotation["SecretId"] == f"{{{attachment.id}}}"
    hosted = rotation["HostedRotationLambda"]
    assert hosted["RotationType"] == "MySQLSingleUser"
    assert hosted["VpcSecurityGroupIds"] == "{RotationSecurityGroup.GroupId}"
    assert hosted["VpcSubnetIds"] == "{PrivateSubnet1},{PrivateSubnet2},{PrivateSubnet3}"
    assert set(rotation.raw["DependsOn"]) == {"DBInstance1", "SecretsManagerEndpoint"}
    assert template.raw["Transform"] == "AWS::SecretsManager-2024-09-16"
    out = by_id(template, "RotationSecurityGroup")["SecurityGroupEgress"]
    assert {(one["FromPort"], one["DestinationSecurityGroupId"]) for one in out} == {
        (3306, "{DBSecurityGroup.GroupId}"),
        (443, "{EndpointSecurityGroup.GroupId}"),
    }
    endpoint = template.one("AWS::EC2::VPCEndpoint")
    assert endpoint["ServiceName"].endswith(".secretsmanager")
    assert endpoint["PrivateDnsEnabled"] is True


@meets("MY-41", "MY-42", "MY-44", "MY-45", "MY-46", "MY-83")
def test_cluster_is_what_the_parameters_say(template: Template) -> None:
    cluster = template.one("AWS::RDS::DBCluster")
    wanted = {
        "DBClusterIdentifier": f"aurora-mysql-cluster-{SUFFIX}",
        "Engine": "aurora-mysql",
        "EngineMode": "provisioned",
        "EngineVersion": "8.0.mysql_aurora.3.10.4",
        "DatabaseName": "{DBName}",
        "MasterUsername": "{DBMasterUsername}",
        "MasterUserPassword": "{{resolve:secretsmanager:${DBPasswordSecret}:SecretString:password}}",
        "StorageEncrypted": True,
        "KmsKeyId": "{KMSKey.Arn}",
        "BackupRetentionPeriod": "{BackupRetentionPeriod}",
        "PreferredBackupWindow": "{PreferredBackupWindow}",
        "PreferredMaintenanceWindow": "{PreferredMaintenanceWindow}",
        "VpcSecurityGroupIds": ["{DBSecurityGroup.GroupId}"],
    }
    assert {key: cluster[key] for key in wanted} == wanted
    assert cluster.tags["Purpose"] == "Transaction Processing"


@meets("MY-48")
def test_tags_reach_snapshots_and_production_is_protected_whatever_name_is_chosen(template: Template) -> None:
    cluster = template.one("AWS::RDS::DBCluster")
    assert cluster["CopyTagsToSnapshot"] is True
    assert cluster["DeletionProtection"] == {"Fn::If": ["IsProtected", True, False]}
    condition = template.raw["Conditions"]["IsProtected"]["Fn::Or"]
    compared = [one["Fn::Equals"] for one in condition]
    assert compared == [[{"Ref": "EnvironmentSuffix"}, name] for name in ("prod", "production")]


@meets("MY-49", "MY-50", "MY-51", "MY-52", "MY-85", "MY-87")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_instances_have_class_and_tier_and_the_first_is_there_first(template: Template, n: int) -> None:
    instance = by_id(template, f"DBInstance{n}")
    assert instance["DBInstanceIdentifier"] == f"aurora-mysql-instance-{n}-{SUFFIX}"
    assert (instance["DBInstanceClass"], instance["PromotionTier"]) == ("{DBInstanceClass}", n)
    assert instance["PubliclyAccessible"] is False
    assert instance.raw.get("DependsOn") == (None if n == 1 else ["DBInstance1"])
    assert instance.tags["InitialRole"] == ("Primary" if n == 1 else "Read Replica")


@meets("MY-53", "MY-54", "MY-55")
def test_instances_are_seen_from_inside(template: Template) -> None:
    cluster, role = template.one("AWS::RDS::DBCluster"), template.one("AWS::IAM::Role")
    assert (cluster["DatabaseInsightsMode"], cluster["PerformanceInsightsRetentionPeriod"]) == ("standard", 7)
    for id_ in INSTANCES:
        instance = by_id(template, id_)
        assert instance["EnablePerformanceInsights"] is True
        assert instance["PerformanceInsightsRetentionPeriod"] == 7
        assert instance["PerformanceInsightsKMSKeyId"] == "{KMSKey.Arn}"
        assert (instance["MonitoringInterval"], instance["MonitoringRoleArn"]) == (60, f"{{{role.id}.Arn}}")
    assert role["RoleName"] == f"aurora-enhanced-monitoring-role-{SUFFIX}"
    (trust,) = role["AssumeRolePolicyDocument.Statement"]
    assert trust["Principal"] == {"Service": "monitoring.rds.amazonaws.com"}
    (policy,) = role["ManagedPolicyArns"]
    assert policy.endswith("/AmazonRDSEnhancedMonitoringRole")


OUTPUTS = {
    "ClusterEndpoint": "{AuroraCluster.Endpoint.Address}",
    "ClusterReaderEndpoint": "{AuroraCluster.ReadEndpoint.Address}",
    "ClusterPort": "{AuroraCluster.Endpoint.Port}",
    "DatabaseName": "{DBName}",
    "ClusterIdentifier": "{AuroraCluster}",
    "Instance1Identifier": "{DBInstance1}",
    "Instance2Identifier": "{DBInstance2}",
    "Instance3Identifier": "{DBInstance3}",
    "KMSKeyId": "{KMSKey}",
    "SecurityGroupId": "{DBSecurityGroup.GroupId}",
    "VPCId": "{VPC}",
    "PasswordSecretArn": "{DBPasswordSecret}",
    "SNSTopicArn": "{AlarmTopic}",
}


@meets(*(f"MY-{number}" for number in range(68, 81)))
def test_outputs_are_exported_under_the_stacks_name(template: Template) -> None:
    found = {name: (one["Value"], one["Export"]["Name"]) for name, one in template.outputs.items()}
    assert found == {name: (value, f"${{AWS::StackName}}-{name}") for name, value in OUTPUTS.items()}


@meets("MY-81", "MY-82", "MY-86")
def test_every_taggable_resource_carries_its_name_and_the_environment(build: Build) -> None:
    template = build(tags={"CostCenter": "Payments"})
    untagged = {
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::KMS::Alias",
        "AWS::SecretsManager::SecretTargetAttachment",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::SNS::TopicPolicy",
    }
    assert {one.type for one in template.resources} == TAGGED | untagged
    for one in template.resources:
        if one.type in TAGGED:
            assert one.tags["Name"].endswith(f"-{SUFFIX}"), one.id
            assert one.tags["Environment"] == "{EnvironmentSuffix}"
            assert one.tags["CostCenter"] == "Payments"


def test_logical_ids_of_stateful_resources_stay_as_they_are(template: Template) -> None:
    """A changed id replaces the resource: change this list only with a way for the data."""
    found = sorted(one.id for one in template.resources if one.type in STATEFUL)
    assert found == ["AuroraCluster", "DBInstance1", "DBInstance2", "DBInstance3", "DBPasswordSecret", "KMSKey"]


def test_no_password_is_in_the_template(template: Template) -> None:
    def strings(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for one in value.values() for text in strings(one)]
        return [text for one in as_list(value) for text in strings(one)] if isinstance(value, list) else [str(value)]

    cluster = template.raw["Resources"]["AuroraCluster"]["Properties"]
    assert [text for text in strings(cluster["MasterUserPassword"]) if "{{resolve:secretsmanager:" not in text] == []
