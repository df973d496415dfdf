from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.databases import dangling, group_called, reachable_from, stack_of, stacks_of
from tests.platforms.reading import Template, meets

NAME = "payment-database"
CLUSTER, INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"
DAILY = "cron(0 6 * * ? *)"


def stack(**changes: Any) -> Template:
    return stack_of(NAME, **changes)


STATEFUL = {
    "AWS::KMS::Key": ["Key9BCD29C7"],
    "AWS::RDS::DBCluster": ["DatabaseCluster5B53A178"],
    "AWS::RDS::DBInstance": [
        "DatabaseClusterInstance1E154D1E9",
        "DatabaseClusterInstance2D6BCD1AC",
        "DatabaseClusterInstance372CED021",
    ],
    "AWS::SecretsManager::Secret": ["CredentialsSecret40F8BB41"],
    "AWS::EC2::VPC": ["NetworkVpc7FB7348F"],
    "AWS::RDS::DBSubnetGroup": ["DatabaseClusterSubnets5540150D"],
}


@pytest.mark.parametrize("kind", STATEFUL)
def test_logical_ids_of_what_holds_state_never_change(kind: str) -> None:
    assert [one.id for one in stack().of(kind)] == STATEFUL[kind]


def test_logical_ids_of_the_copies_never_change() -> None:
    replica, first = stacks_of(NAME, copies={"schedule": DAILY})
    assert [one.id for one in replica.of("AWS::Backup::BackupVault")] == ["Vault"]
    assert [one.id for one in first.of("AWS::Backup::BackupVault")] == ["CopiesVault721E9B73"]


@meets("PG-01")
def test_environment_is_in_every_name_and_dev_without_one() -> None:
    for environment, template in (("dev", stack()), ("pr-12", stack(environment="pr-12"))):
        keys = ("TopicName", "AliasName", "AlarmName", "DBClusterIdentifier", "LogGroupName", "DashboardName")
        owners = [one for one in template.resources if one.type not in (INSTANCE, "AWS::EC2::FlowLog")]
        named = [str(one[key]) for one in owners for key in keys if one.get(key)]
        named += [one["Name"] for one in template.of("AWS::SecretsManager::Secret")]
        named += [one["Export"]["Name"] for one in template.outputs.values() if "Export" in one]
        assert len(named) > 14
        assert [name for name in named if environment not in name] == []


@meets("PG-02")
def test_subnets_lie_in_three_zones_without_an_account() -> None:
    zones = [one["AvailabilityZone"]["Fn::Select"][0] for one in stack().of("AWS::EC2::Subnet")]
    assert sorted(zones) == [0, 0, 1, 1, 2, 2]


@meets("PG-03", "PG-04")
def test_network_is_named_and_has_a_public_and_a_private_range_in_each_zone() -> None:
    template = stack()
    assert template.one("AWS::EC2::VPC").tags["Name"] == "payment-db-vpc-dev"
    names = {one.tags["Name"]: one["CidrBlock"] for one in template.of("AWS::EC2::Subnet")}
    assert sorted(name.split("-")[0] for name in names) == ["private"] * 3 + ["public"] * 3
    assert all(cidr.endswith("/24") for cidr in names.values())
    assert len(set(names.values())) == 6


@meets("PG-05")
def test_gateways_are_built_in_every_zone_or_not_at_all() -> None:
    assert stack().of("AWS::EC2::NatGateway") == []
    template = stack(network={"nat": True})
    gateways = template.of("AWS::EC2::NatGateway")
    assert len(gateways) == len(template.of("AWS::EC2::EIP")) == 3
    assert all(one.get("AllocationId") for one in gateways)


@meets("PG-06")
def test_key_rotates_says_its_environment_and_goes_with_its_stack() -> None:
    key = stack().one("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    assert key["Description"] == "payment-db-key-dev"
    assert key.raw["DeletionPolicy"] == "Delete"


@meets("PG-07", "PG-08", "PG-25")
def test_credentials_are_generated_attached_and_referred_to() -> None:
    template = stack()
    secret, cluster = template.one("AWS::SecretsManager::Secret"), template.one(CLUSTER)
    generated = secret["GenerateSecretString"]
    assert secret["Name"] == "payment-db-credentials-dev"
    assert generated["SecretStringTemplate"] == '{"username": "dbadmin"}'
    assert (generated["PasswordLength"], generated["ExcludePunctuation"]) == (32, True)
    assert secret.raw["DeletionPolicy"] == "Delete"
    attachment = template.one("AWS::SecretsManager::SecretTargetAttachment")
    assert (attachment["SecretId"], attachment["TargetId"]) == (f"{{{secret.id}}}", f"{{{cluster.id}}}")
    assert cluster["MasterUserPassword"] == f"{{{{resolve:secretsmanager:{{{secret.id}}}:SecretString:password::}}}}"


@meets("PG-09", "PG-10", "PG-11")
def test_password_rotates_after_the_attachment_where_everything_is_reached() -> None:
    template = stack()
    schedule = template.one("AWS::SecretsManager::RotationSchedule")
    rotation, endpoints = group_called(template, "Rotation"), group_called(template, "Interface endpoints")
    hosted = schedule["HostedRotationLambda"]
    assert schedule["RotationRules"] == {"ScheduleExpression": "rate(30 days)"}
    assert hosted["RotationType"] == "PostgreSQLSingleUser"
    assert hosted["VpcSecurityGroupIds"] == f"{{{rotation}.GroupId}}"
    assert len(hosted["VpcSubnetIds"].split(",")) == 3
    assert rotation in reachable_from(template, group_called(template, "Database"), 5432)
    assert rotation in reachable_from(template, endpoints, 443)
    assert template.one("AWS::EC2::VPCEndpoint")["ServiceName"].endswith(".secretsmanager")
    assert schedule["SecretId"] == f"{{{template.one('AWS::SecretsManager::SecretTargetAttachment').id}}}"


@meets("PG-12")
def test_tls_is_demanded_of_every_client() -> None:
    group = stack().one("AWS::RDS::DBClusterParameterGroup")
    assert (group["Family"], group["Parameters"]) == ("aurora-postgresql15", {"rds.force_ssl": "1"})


@meets("PG-13", "PG-14", "PG-20", "PG-21", "PG-22")
def test_cluster_is_named_supported_encrypted_backed_up_and_logged() -> None:
    template = stack()
    cluster = template.one(CLUSTER)
    assert cluster["DBClusterIdentifier"] == "payment-db-cluster-dev"
    assert (cluster["Engine"], cluster["EngineVersion"]) == ("aurora-postgresql", "15.10")
    assert (cluster["StorageEncrypted"], cluster["KmsKeyId"]) == (True, f"{{{template.one('AWS::KMS::Key').id}.Arn}}")
    assert (cluster["BackupRetentionPeriod"], cluster["PreferredBackupWindow"]) == (7, "03:00-04:00")
    assert cluster["EnableCloudwatchLogsExports"] == ["postgresql"]


@meets("PG-15", "PG-16", "PG-17", "PG-18", "PG-35")
def test_writer_and_two_readers_are_private_and_watched_from_inside() -> None:
    template = stack()
    instances = template.of(INSTANCE)
    assert [one["PromotionTier"] for one in instances] == [0, 1, 2]
    assert {one["DBInstanceClass"] for one in instances} == {"db.r6g.large"}
    assert {one["PubliclyAccessible"] for one in instances} == {False}
    insights = ("EnablePerformanceInsights", "PerformanceInsightsRetentionPeriod", "MonitoringInterval")
    assert {tuple(one[key] for key in insights) for one in instances} == {(True, 7, 60)}
    assert template.one(CLUSTER)["DatabaseInsightsMode"] == "standard"
    small = stack(database={"instance_class": "db.t3.medium"})
    assert {one["DBInstanceClass"] for one in small.of(INSTANCE)} == {"db.t3.medium"}


@meets("PG-19")
def test_subnet_group_spans_the_private_subnets() -> None:
    template = stack()
    private = [f"{{{one.id}}}" for one in template.of("AWS::EC2::Subnet") if "private" in one.tags["Name"]]
    assert template.one("AWS::RDS::DBSubnetGroup")["SubnetIds"] == private
    assert len(private) == 3


@meets("PG-23")
def test_exported_log_expires_and_goes_with_the_stack() -> None:
    log = stack().one("AWS::Logs::LogGroup", LogGroupName="/aws/rds/cluster/payment-db-cluster-dev/postgresql")
    assert (log["RetentionInDays"], log.raw["DeletionPolicy"]) == (30, "Delete")


@meets("PG-24")
def test_test_environment_leaves_nothing_and_a_protected_one_its_data_and_key() -> None:
    loose, tight = stack(), stack(environment="prod", alerts=["ops@example.com"])
    assert loose.one(CLUSTER)["DeletionProtection"] is False
    assert {one.raw.get("DeletionPolicy", "Delete") for one in loose.resources} == {"Delete"}
    assert tight.one(CLUSTER)["DeletionProtection"] is True
    policies = {one.type: one.raw.get("DeletionPolicy", "Delete") for one in tight.resources}
    assert {kind: policy for kind, policy in policies.items() if policy != "Delete"} == {
        CLUSTER: "Snapshot",
        "AWS::KMS::Key": "RetainExceptOnCreate",
    }


@meets("PG-26", "PG-42")
def test_database_lets_in_named_groups_alone_and_nothing_out() -> None:
    template = stack()
    database = group_called(template, "Database")
    assert reachable_from(template, database, 5432) == {
        group_called(template, "Whoever"),
        group_called(template, "Rotation"),
    }
    own = next(one for one in template.resources if one.id == database)
    assert [rule["CidrIp"] for rule in own["SecurityGroupEgress"]] == ["255.255.255.255/32"]
    assert not template.of("AWS::EC2::SecurityGroupEgress", GroupId=f"{{{database}.GroupId}}")


@meets("PG-31", "PG-32", "PG-33")
def test_outputs_are_exported_with_host_and_port() -> None:
    template = stack()
    cluster, attachment = template.one(CLUSTER).id, template.one("AWS::SecretsManager::SecretTargetAttachment").id
    exported = {
        name: (one["Value"], one["Export"]["Name"]) for name, one in template.outputs.items() if "Export" in one
    }
    assert exported == {
        "ClusterEndpoint": (f"{{{cluster}.Endpoint.Address}}:5432", "payment-db-cluster-endpoint-dev"),
        "ClusterReaderEndpoint": (f"{{{cluster}.ReadEndpoint.Address}}:5432", "payment-db-reader-endpoint-dev"),
        "SecretArn": (f"{{{attachment}}}", "payment-db-secret-arn-dev"),
    }


@meets("PG-36")
def test_flow_logs_record_all_traffic_unless_switched_off() -> None:
    template = stack()
    flow = template.one("AWS::EC2::FlowLog")
    group = template.one("AWS::Logs::LogGroup", LogGroupName="/payment-db/dev/flow-logs")
    assert (flow["ResourceId"], flow["TrafficType"]) == (f"{{{template.one('AWS::EC2::VPC').id}}}", "ALL")
    assert flow["LogGroupName"] == f"{{{group.id}}}"
    assert stack(network={"flow_logs": False}).of("AWS::EC2::FlowLog") == []


@meets("PG-37")
def test_recovery_points_are_copied_to_a_vault_of_the_second_region() -> None:
    assert len(stacks_of(NAME)) == 1
    replica, first = stacks_of(NAME, copies={"schedule": DAILY})
    vault = replica.one("AWS::Backup::BackupVault")
    assert vault["BackupVaultName"] == "payment-db-copies-dev"
    assert vault["EncryptionKeyArn"] == f"{{{replica.one('AWS::KMS::Key').id}.Arn}}"
    (rule,) = first.one("AWS::Backup::BackupPlan")["BackupPlan.BackupPlanRule"]
    target = "arn:aws:backup:us-west-2:{AWS::AccountId}:backup-vault:payment-db-copies-dev"
    assert [one["DestinationBackupVaultArn"] for one in rule["CopyActions"]] == [target]
    assert (rule["ScheduleExpression"], rule["Lifecycle"]) == (DAILY, {"DeleteAfterDays": 35})
    (selected,) = first.one("AWS::Backup::BackupSelection")["BackupSelection.Resources"]
    assert selected.endswith(f":cluster:{{{first.one(CLUSTER).id}}}")
    notices = first.one("AWS::Backup::BackupVault")["Notifications"]
    assert {"BACKUP_JOB_FAILED", "COPY_JOB_FAILED"} <= set(notices["BackupVaultEvents"])
    assert notices["SNSTopicArn"] == f"{{{first.one('AWS::SNS::Topic').id}}}"


@meets("PG-38")
def test_readers_are_added_under_load_when_asked() -> None:
    assert stack().of("AWS::ApplicationAutoScaling::ScalableTarget") == []
    template = stack(database={"most_readers": 5})
    target = template.one("AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 5)
    assert target["ResourceId"] == f"cluster:{{{template.one(CLUSTER).id}}}"
    policy = template.one("AWS::ApplicationAutoScaling::ScalingPolicy")["TargetTrackingScalingPolicyConfiguration"]
    metric = policy["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert (metric, policy["TargetValue"]) == ("RDSReaderAverageCPUUtilization", 60)


@meets("PG-39")
def test_proxy_takes_clients_over_tls_and_is_let_into_the_database() -> None:
    assert stack().of("AWS::RDS::DBProxy") == []
    template = stack(database={"proxy": True})
    proxy, group = template.one("AWS::RDS::DBProxy"), group_called(template, "Proxy")
    assert (proxy["EngineFamily"], proxy["RequireTLS"]) == ("POSTGRESQL", True)
    assert proxy["VpcSecurityGroupIds"] == [f"{{{group}.GroupId}}"]
    assert group in reachable_from(template, group_called(template, "Database"), 5432)
    assert reachable_from(template, group, 5432) == {group_called(template, "Whoever")}
    targets = template.one("AWS::RDS::DBProxyTargetGroup")
    assert targets["DBClusterIdentifiers"] == [f"{{{template.one(CLUSTER).id}}}"]
    assert {one.id for one in template.of(INSTANCE)} <= set(targets.raw["DependsOn"])
    assert template.outputs["ProxyEndpoint"]["Value"] == f"{{{proxy.id}.Endpoint}}:5432"


def test_cluster_that_stays_keeps_all_it_stands_on() -> None:
    template = stack(removal="retain", database={"proxy": True})
    rules = ("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
    network = ("AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::RDS::DBSubnetGroup")
    for kind in (CLUSTER, INSTANCE, "AWS::KMS::Key", "AWS::SecretsManager::Secret", *network, *rules):
        assert {one.raw.get("DeletionPolicy") for one in template.of(kind)} == {"RetainExceptOnCreate"}, kind
    assert dangling(template) == set()
