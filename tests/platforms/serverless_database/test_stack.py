from __future__ import annotations

import json
from typing import Any

import pytest

from tests.platforms.databases import dangling, group_called, reachable_from, stack_of
from tests.platforms.reading import Template, meets, statement

NAME = "serverless-database"
CLUSTER, INSTANCE, GROUP = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::EC2::SecurityGroup"


def stack(**changes: Any) -> Template:
    return stack_of(NAME, **changes)


STATEFUL = {
    "AWS::KMS::Key": ["Key9BCD29C7"],
    "AWS::RDS::DBCluster": ["DatabaseCluster5B53A178"],
    "AWS::RDS::DBInstance": ["DatabaseClusterInstance1E154D1E9", "DatabaseClusterInstance2D6BCD1AC"],
    "AWS::S3::Bucket": ["BackupsBucket2936A3AA"],
    "AWS::SecretsManager::Secret": ["CredentialsSecret40F8BB41"],
    "AWS::EC2::VPC": ["NetworkVpc7FB7348F"],
    "AWS::EC2::Subnet": ["NetworkIsolated1Subnet733A7953", "NetworkIsolated2SubnetBAFDD895"],
    "AWS::RDS::DBSubnetGroup": ["DatabaseClusterSubnets5540150D"],
}


@pytest.mark.parametrize("kind", STATEFUL)
def test_logical_ids_of_what_holds_state_never_change(kind: str) -> None:
    assert [one.id for one in stack().of(kind)] == STATEFUL[kind]


@meets("AU-01")
def test_environment_is_in_every_name_and_dev_without_one() -> None:
    for environment, template in (("dev", stack()), ("pr-12", stack(environment="pr-12"))):
        named = [
            str(value)
            for one in template.resources
            for key, value in one.properties.items()
            if key in ("BucketName", "TopicName", "AliasName", "AlarmName", "DBClusterIdentifier", "LogGroupName")
            and not (one.type == INSTANCE and key == "DBClusterIdentifier")
        ]
        named += [one["Name"] for one in template.of("AWS::SecretsManager::Secret")]
        assert len(named) > 12
        assert [name for name in named if environment not in name] == []


@meets("AU-02")
def test_network_resolves_names_at_its_own_addresses() -> None:
    vpc = stack().one("AWS::EC2::VPC")
    assert vpc["CidrBlock"] == "10.30.0.0/16"
    assert (vpc["EnableDnsSupport"], vpc["EnableDnsHostnames"]) == (True, True)


@meets("AU-03")
def test_two_isolated_subnets_lie_in_two_zones() -> None:
    template = stack()
    subnets = template.of("AWS::EC2::Subnet")
    assert [one["CidrBlock"] for one in subnets] == ["10.30.10.0/24", "10.30.20.0/24"]
    assert [one["AvailabilityZone"]["Fn::Select"][0] for one in subnets] == [0, 1]
    assert not any(one["MapPublicIpOnLaunch"] for one in subnets)


@meets("AU-04")
def test_network_has_no_way_to_the_internet() -> None:
    template = stack()
    for kind in ("NatGateway", "InternetGateway", "EgressOnlyInternetGateway", "Route"):
        assert template.of(f"AWS::EC2::{kind}") == []


@meets("AU-05")
def test_key_rotates_and_has_its_alias() -> None:
    template = stack()
    key = template.one("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    alias = template.one("AWS::KMS::Alias")
    assert (alias["AliasName"], alias["TargetKeyId"]) == ("alias/aurora-db-key-dev", f"{{{key.id}.Arn}}")


@meets("AU-06", "AU-07")
def test_database_lets_in_named_groups_alone_and_nothing_out() -> None:
    template = stack()
    database, clients, rotation = (group_called(template, word) for word in ("Database", "Whoever", "Rotation"))
    assert reachable_from(template, database, 3306) == {clients, rotation}
    own = next(one for one in template.of(GROUP) if one.id == database)
    assert [rule["CidrIp"] for rule in own["SecurityGroupEgress"]] == ["255.255.255.255/32"]
    assert not template.of("AWS::EC2::SecurityGroupEgress", GroupId=f"{{{database}.GroupId}}")


@meets("AU-08")
def test_subnet_group_spans_both_subnets() -> None:
    template = stack()
    group = template.one("AWS::RDS::DBSubnetGroup")
    assert group["SubnetIds"] == [f"{{{one.id}}}" for one in template.of("AWS::EC2::Subnet")]
    assert template.one(CLUSTER)["DBSubnetGroupName"] == f"{{{group.id}}}"


@meets("AU-09", "AU-10")
def test_engine_is_a_long_term_version_in_support() -> None:
    cluster = stack().one(CLUSTER)
    assert (cluster["Engine"], cluster["EngineVersion"]) == ("aurora-mysql", "8.0.mysql_aurora.3.10.4")


@meets("AU-11")
@pytest.mark.parametrize(("least", "most"), [(2.0, 4.0), (0.5, 2.0)])
def test_capacity_is_the_settings(least: float, most: float) -> None:
    template = stack() if least == 2.0 else stack(database={"min_capacity": least, "max_capacity": most})
    assert template.one(CLUSTER)["ServerlessV2ScalingConfiguration"] == {"MinCapacity": least, "MaxCapacity": most}


@meets("AU-12", "AU-13")
def test_writer_and_reader_are_serverless_private_and_scale_together() -> None:
    instances = stack().of(INSTANCE)
    assert [(one["DBInstanceClass"], one["PromotionTier"]) for one in instances] == [
        ("db.serverless", 0),
        ("db.serverless", 1),
    ]
    assert {one["PubliclyAccessible"] for one in instances} == {False}


@meets("AU-14", "AU-15")
def test_both_instances_are_watched_from_inside() -> None:
    template = stack()
    for one in template.of(INSTANCE):
        assert (one["EnablePerformanceInsights"], one["PerformanceInsightsRetentionPeriod"]) == (True, 7)
        assert one["MonitoringInterval"] == 60
        role = next(
            other for other in template.of("AWS::IAM::Role") if f"{{{other.id}.Arn}}" == one["MonitoringRoleArn"]
        )
        trust = role["AssumeRolePolicyDocument.Statement"][0]["Principal"]
        assert trust == {"Service": "monitoring.rds.amazonaws.com"}
    assert template.one(CLUSTER)["DatabaseInsightsMode"] == "standard"


@meets("AU-16", "AU-17", "AU-18", "AU-20")
def test_cluster_is_encrypted_backed_up_maintained_and_named() -> None:
    template = stack()
    cluster = template.one(CLUSTER)
    assert (cluster["StorageEncrypted"], cluster["KmsKeyId"]) == (True, f"{{{template.one('AWS::KMS::Key').id}.Arn}}")
    assert (cluster["BackupRetentionPeriod"], cluster["PreferredBackupWindow"]) == (5, "03:00-04:00")
    assert cluster["PreferredMaintenanceWindow"] == "sun:04:00-sun:05:00"
    assert (cluster["DatabaseName"], cluster["MasterUsername"]) == ("saasdb", "admin")


@meets("AU-19")
def test_test_environment_leaves_nothing_and_a_protected_one_its_data_and_key() -> None:
    loose, tight = stack(), stack(environment="prod", alerts=["ops@example.com"])
    assert loose.one(CLUSTER)["DeletionProtection"] is False
    assert {one.raw.get("DeletionPolicy", "Delete") for one in loose.resources} == {"Delete"}
    assert tight.one(CLUSTER)["DeletionProtection"] is True
    policies = {one.type: one.raw.get("DeletionPolicy", "Delete") for one in tight.resources}
    assert {kind: policy for kind, policy in policies.items() if policy != "Delete"} == {
        CLUSTER: "Snapshot",
        "AWS::KMS::Key": "RetainExceptOnCreate",
        "AWS::S3::Bucket": "RetainExceptOnCreate",
    }


def test_cluster_that_stays_keeps_all_it_stands_on() -> None:
    template = stack(removal="retain")
    rules = ("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
    network = ("AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::RDS::DBSubnetGroup")
    for kind in (CLUSTER, INSTANCE, "AWS::KMS::Key", "AWS::SecretsManager::Secret", *network, *rules):
        assert {one.raw.get("DeletionPolicy") for one in template.of(kind)} == {"RetainExceptOnCreate"}, kind
    assert dangling(template) == set()
    assert template.of("Custom::EmptiedBucket") == []


@meets("AU-21", "AU-22")
def test_credentials_are_generated_attached_and_referred_to() -> None:
    template = stack()
    secret = template.one("AWS::SecretsManager::Secret")
    assert secret["Name"] == "aurora-db-secret-dev"
    assert secret["GenerateSecretString.PasswordLength"] == 30
    attachment = template.one("AWS::SecretsManager::SecretTargetAttachment")
    assert (attachment["SecretId"], attachment["TargetId"]) == (f"{{{secret.id}}}", f"{{{template.one(CLUSTER).id}}}")
    password = template.one(CLUSTER)["MasterUserPassword"]
    assert password == f"{{{{resolve:secretsmanager:{{{secret.id}}}:SecretString:password::}}}}"


@meets("AU-23", "AU-24", "AU-25", "AU-42")
def test_exported_logs_are_written_and_expire_and_tls_is_demanded() -> None:
    template = stack()
    cluster, group = template.one(CLUSTER), template.one("AWS::RDS::DBClusterParameterGroup")
    assert cluster["EnableCloudwatchLogsExports"] == ["error", "general", "slowquery"]
    assert cluster["DBClusterParameterGroupName"] == f"{{{group.id}}}"
    assert group["Parameters"] == {"general_log": "1", "slow_query_log": "1", "require_secure_transport": "ON"}
    logs = {
        one["LogGroupName"]: one["RetentionInDays"]
        for one in template.of("AWS::Logs::LogGroup")
        if "rds" in one["LogGroupName"]
    }
    names = [f"/aws/rds/cluster/aurora-serverless-dev/{log}" for log in ("error", "general", "slowquery")]
    assert logs == dict.fromkeys(names, 7)


@meets("AU-26")
def test_bucket_is_private_versioned_expiring_and_emptied_with_its_stack() -> None:
    template = stack()
    bucket = template.one("AWS::S3::Bucket")
    assert bucket["BucketName"] == "aurora-backups-{AWS::AccountId}-dev"
    assert bucket["VersioningConfiguration.Status"] == "Enabled"
    rules = bucket["BucketEncryption.ServerSideEncryptionConfiguration"]
    assert rules[0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert [one["ExpirationInDays"] for one in bucket["LifecycleConfiguration.Rules"]] == [30]
    emptied = template.one("Custom::EmptiedBucket")
    assert emptied["Bucket"] == f"{{{bucket.id}}}"


@meets("AU-27")
def test_whole_cluster_is_exported_on_schedule_by_roles_that_can_do_nothing_else() -> None:
    template = stack()
    schedule = template.one("AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(0 6 * * ? *)"
    assert schedule["Target.Arn"] == "arn:aws:scheduler:::aws-sdk:rds:startExportTask"
    sent = json.loads(schedule["Target.Input"])
    cluster, bucket, key = (template.one(kind).id for kind in (CLUSTER, "AWS::S3::Bucket", "AWS::KMS::Key"))
    assert sent["SourceArn"].endswith(f":cluster:{{{cluster}}}")
    assert (sent["S3BucketName"], sent["KmsKeyId"]) == (f"{{{bucket}}}", f"{{{key}.Arn}}")
    assert sent["ExportTaskIdentifier"] == "aurora-export-dev-<aws.scheduler.execution-id>"
    roles = {one["Description"]: one for one in template.of("AWS::IAM::Role") if one.get("Description")}
    writer, starter = roles["RDS exports write to one bucket"], roles["The scheduler starts exports of one cluster"]
    assert sent["IamRoleArn"] == f"{{{writer.id}.Arn}}"
    trust = writer["AssumeRolePolicyDocument.Statement"][0]
    assert trust["Principal"] == {"Service": "export.rds.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "{AWS::AccountId}"}}
    rights = starter["Policies"][0]["PolicyDocument"]["Statement"]
    assert statement(rights, "PassWriter")["Resource"] == f"{{{writer.id}.Arn}}"
    assert statement(rights, "StartExport")["Action"] == "rds:StartExportTask"
    lost = template.one("AWS::SQS::Queue", QueueName="aurora-export-dev-lost")
    assert schedule["Target.DeadLetterConfig.Arn"] == f"{{{lost.id}.Arn}}"


def test_export_that_is_switched_off_is_not_built() -> None:
    template = stack(export={"schedule": None})
    for kind in ("AWS::Scheduler::Schedule", "AWS::SQS::Queue"):
        assert template.of(kind) == []


@meets("AU-43")
def test_password_rotates_where_database_and_secrets_manager_are_reached() -> None:
    template = stack()
    schedule = template.one("AWS::SecretsManager::RotationSchedule")
    rotation, endpoints = group_called(template, "Rotation"), group_called(template, "Interface endpoints")
    assert schedule["HostedRotationLambda.RotationType"] == "MySQLSingleUser"
    assert schedule["HostedRotationLambda.VpcSecurityGroupIds"] == f"{{{rotation}.GroupId}}"
    assert rotation in reachable_from(template, group_called(template, "Database"), 3306)
    assert rotation in reachable_from(template, endpoints, 443)
    endpoint = template.one("AWS::EC2::VPCEndpoint", VpcEndpointType="Interface")
    assert endpoint["ServiceName"].endswith(".secretsmanager")
    assert (endpoint["PrivateDnsEnabled"], endpoint["SecurityGroupIds"]) == (True, [f"{{{endpoints}.GroupId}}"])
    assert endpoint.id in schedule.raw["DependsOn"]


@meets("AU-36", "AU-37", "AU-38", "AU-39", "AU-40", "AU-41")
def test_outputs_name_what_clients_and_operators_need() -> None:
    template = stack()
    cluster = template.one(CLUSTER).id
    found = {name: one["Value"] for name, one in template.outputs.items()}
    assert found == {
        "ClusterEndpoint": f"{{{cluster}.Endpoint.Address}}",
        "ClusterReadEndpoint": f"{{{cluster}.ReadEndpoint.Address}}",
        "SecretArn": f"{{{template.one('AWS::SecretsManager::SecretTargetAttachment').id}}}",
        "BackupBucketName": f"{{{template.one('AWS::S3::Bucket').id}}}",
        "VpcId": f"{{{template.one('AWS::EC2::VPC').id}}}",
        "AlarmTopicArn": f"{{{template.one('AWS::SNS::Topic').id}}}",
        "ClientSecurityGroupId": f"{{{group_called(template, 'Whoever')}.GroupId}}",
    }


@meets("AU-44")
def test_nothing_is_tied_to_a_region() -> None:
    elsewhere = stack(region="us-west-2", replica_region="us-east-1")
    assert "us-east-1" not in json.dumps(elsewhere.raw)
    assert "us-west-2" not in json.dumps({key: value for key, value in stack().raw.items() if key != "Metadata"})


@meets("AU-45")
def test_platform_is_one_stack_that_says_what_it_is() -> None:
    template = stack()
    assert template.raw["Description"] == "Aurora MySQL Serverless v2 for a SaaS product"
    assert {"Environment": "dev", "Platform": NAME}.items() <= template.one(CLUSTER).tags.items()


def test_advanced_insights_keep_fifteen_months_everywhere() -> None:
    template = stack(database={"insights": "advanced"})
    cluster = template.one(CLUSTER)
    assert (cluster["DatabaseInsightsMode"], cluster["PerformanceInsightsRetentionPeriod"]) == ("advanced", 465)
    assert {one["PerformanceInsightsRetentionPeriod"] for one in template.of(INSTANCE)} == {465}
