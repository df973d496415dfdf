from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from holdfast.cutover.environment import terms_of
from holdfast.cutover.state import Terms
from holdfast.errors import InvalidRequest
from holdfast.platforms.payment_migration.names import Names
from holdfast.settings.load import load
from holdfast.settings.payment_migration import PaymentMigration
from holdfast.settings.platform import PlatformSettings
from tests.platforms.databases import dimensions, reachable_from, settings_of, stack_of
from tests.platforms.reading import Resource, Template, as_list, meets, render

NAME = "payment-migration"
CLUSTER, INSTANCE, GROUP = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::EC2::SecurityGroup"
ALARM, FUNCTION, TABLE = "AWS::CloudWatch::Alarm", "AWS::Lambda::Function", "AWS::DynamoDB::Table"
LISTENER, TARGETS = "AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::TargetGroup"
SIDES = ("blue", "green")


def stack(**changes: Any) -> Template:
    return stack_of(NAME, **changes)


def cluster(side: str, template: Template | None = None) -> Resource:
    return (template or stack()).one(CLUSTER, DBClusterIdentifier=f"payment-migration-{side}-dev")


def group_called(start: str) -> str:
    return next(one.id for one in stack().of(GROUP) if one["GroupDescription"].startswith(start))


def switch() -> Resource:
    return stack().one(FUNCTION, FunctionName="payment-switch-dev")


def rights(function: Resource) -> list[dict[str, Any]]:
    role = next(one for one in stack().resources if one.id == function["Role"].strip("{}").split(".")[0])
    found: list[dict[str, Any]] = role["Policies"][0]["PolicyDocument"]["Statement"]
    return found


def alarm(name: str) -> Resource:
    return stack().one(ALARM, AlarmName=f"payment-migration-{name}-dev")


def loaded(folder: Path, **written: Any) -> PlatformSettings:
    file = folder / "holdfast.yaml"
    file.write_text(yaml.safe_dump({"platform": NAME, **written}))
    return load(file, environ={})


STATEFUL = {
    "AWS::KMS::Key": ["Key9BCD29C7"],
    CLUSTER: ["BlueDatabaseClusterD63D396F", "GreenDatabaseClusterC981662E"],
    INSTANCE: [
        "BlueDatabaseClusterInstance1A99C7A58",
        "BlueDatabaseClusterInstance268EE0F2A",
        "GreenDatabaseClusterInstance1F385522C",
        "GreenDatabaseClusterInstance2D390F5B2",
    ],
    TABLE: ["SessionsTableA5E8383B", "CutoverStateTableDAD51F4B"],
    "AWS::SecretsManager::Secret": ["BlueCredentialsSecretE50E8801", "GreenCredentialsSecretBE0202B8"],
    "AWS::EC2::VPC": ["PlacesNetworkVpcF55D10E9"],
    "AWS::Backup::BackupVault": ["BackupVaultD1FD0DC4"],
    "Custom::CutoverState": ["CutoverAdoptedC8C912EB"],
    TARGETS: ["FrontBlue88780A64", "FrontGreenB8BF2D9E"],
    LISTENER: ["FrontRedirect493F8FD3", "FrontHttpsB3964C59"],
}


@pytest.mark.parametrize("kind", STATEFUL)
def test_logical_ids_of_what_holds_state_never_change(kind: str) -> None:
    assert [one.id for one in stack().of(kind)] == STATEFUL[kind]


@meets("BG-01", "BG-34")
def test_every_taggable_resource_carries_the_default_tags() -> None:
    wanted = {"Environment": "dev", "CostCenter": "Payments", "MigrationPhase": "blue-green"}
    for kind in (CLUSTER, INSTANCE, TABLE, ALARM, FUNCTION, GROUP, TARGETS, LISTENER, "AWS::KMS::Key", "AWS::EC2::VPC"):
        for one in stack().of(kind):
            assert wanted.items() <= one.tags.items(), one.id
    adopted = stack().one("Custom::CutoverState")
    assert wanted.items() <= {one["Key"]: one["Value"] for one in adopted["Tags"]}.items()


def test_tags_of_the_settings_win() -> None:
    found = stack(tags={"CostCenter": "Other"}, migration={"phase": "green"})
    tags = cluster("blue", found).tags
    assert (tags["CostCenter"], tags["MigrationPhase"]) == ("Other", "green")


@meets("BG-02", "BG-13", "BG-18", "BG-19")
def test_one_customer_key_encrypts_everything() -> None:
    template = stack()
    key = f"{{{template.one('AWS::KMS::Key').id}.Arn}}"
    assert template.one("AWS::KMS::Key")["EnableKeyRotation"] is True
    for one in template.of(CLUSTER):
        assert (one["StorageEncrypted"], one["KmsKeyId"]) == (True, key)
    for one in template.of(TABLE):
        assert (one["SSESpecification.SSEType"], one["SSESpecification.KMSMasterKeyId"]) == ("KMS", key)
    for kind in ("AWS::SecretsManager::Secret", "AWS::Logs::LogGroup", "AWS::DMS::ReplicationInstance"):
        assert {one["KmsKeyId"] for one in template.of(kind)} == {key}
    assert template.one("AWS::Backup::BackupVault")["EncryptionKeyArn"] == key


@meets("BG-03", "BG-G6")
def test_every_service_the_platform_calls_has_an_endpoint() -> None:
    found = {str(one["ServiceName"]).rpartition(".")[2]: one for one in stack().of("AWS::EC2::VPCEndpoint")}
    interface = {"elasticloadbalancing", "ssm", "monitoring", "secretsmanager", "rds", "dms"}
    assert set(found) == {"s3", "dynamodb", *interface}
    assert {name for name, one in found.items() if one["VpcEndpointType"] == "Interface"} == interface
    assert all(found[name]["PrivateDnsEnabled"] for name in interface)
    endpoints = group_called("Interface endpoints")
    assert group_called("Switch function") in reachable_from(stack(), endpoints, 443)
    assert switch()["VpcConfig.SubnetIds"] == [f"{{{one}}}" for one in private_subnets()]


def private_subnets() -> list[str]:
    return [one.id for one in stack().of("AWS::EC2::Subnet") if "Private" in one.id]


@meets("BG-04", "BG-17")
def test_both_secrets_are_generated_rotated_and_referred_to() -> None:
    template = stack()
    names = [f"payment-migration-{side}-secret-dev" for side in SIDES]
    assert [one["Name"] for one in template.of("AWS::SecretsManager::Secret")] == names
    schedules = template.of("AWS::SecretsManager::RotationSchedule")
    assert [one["RotationRules"]["ScheduleExpression"] for one in schedules] == ["rate(30 days)"] * 2
    for side in SIDES:
        secret = template.one("AWS::SecretsManager::Secret", Name=f"payment-migration-{side}-secret-dev").id
        assert (
            cluster(side)["MasterUserPassword"]
            == f"{{{{resolve:secretsmanager:{{{secret}}}:SecretString:password::}}}}"
        )


@meets("BG-05")
def test_connections_response_time_and_throttling_are_watched() -> None:
    for side in SIDES:
        assert dimensions(alarm(f"{side}-connections"))["Role"] == "WRITER"
    assert (alarm("response-time")["MetricName"], alarm("response-time")["ExtendedStatistic"]) == (
        "TargetResponseTime",
        "p95",
    )
    throttled = [one for one in stack().of(ALARM) if one["MetricName"] == "ThrottledRequests"]
    assert {dimensions(one)["Operation"] for one in throttled} >= {"GetItem", "PutItem", "Query"}
    topic = f"{{{stack().one('AWS::SNS::Topic').id}}}"
    assert {tuple(one["AlarmActions"]) for one in stack().of(ALARM)} == {(topic,)}


@meets("BG-06")
def test_backup_plan_keeps_both_clusters_and_the_sessions_seven_days() -> None:
    template = stack()
    (rule,) = template.one("AWS::Backup::BackupPlan")["BackupPlan"]["BackupPlanRule"]
    assert rule["Lifecycle"]["DeleteAfterDays"] == 7
    selected = template.one("AWS::Backup::BackupSelection")["BackupSelection"]["Resources"]
    assert [part for one in selected for part in (*SIDES, "Sessions") if part.lower() in str(one).lower()] == [
        "blue",
        "green",
        "Sessions",
    ]


@meets("BG-07", "BG-G5", "BG-G7")
def test_parameters_and_weights_belong_to_a_resource_that_never_writes_over_them() -> None:
    template = stack()
    adopted = template.one("Custom::CutoverState")
    assert adopted["ActiveParameter"] == "/payment-migration/dev/active-environment"
    assert adopted["StatusParameter"] == "/payment-migration/dev/migration-status"
    assert template.of("AWS::SSM::Parameter") == []
    assert template.of("AWS::ElasticLoadBalancingV2::ListenerRule") == []
    groups = template.of("AWS::RDS::DBClusterParameterGroup")
    assert not any("read_only" in one["Parameters"] for one in groups)


@meets("BG-08")
def test_subnets_lie_in_three_zones() -> None:
    zones = [one["AvailabilityZone"]["Fn::Select"][0] for one in stack().of("AWS::EC2::Subnet")]
    assert zones == [0, 1, 2] * 2


@meets("BG-09", "BG-10", "BG-11")
def test_each_zone_has_a_nat_gateway_with_its_address() -> None:
    template = stack()
    addresses = {f"{{{one.id}.AllocationId}}" for one in template.of("AWS::EC2::EIP")}
    gateways = template.of("AWS::EC2::NatGateway")
    assert len(gateways) == len({str(one["SubnetId"]) for one in gateways}) == 3
    assert {one["AllocationId"] for one in gateways} == addresses


@meets("BG-12")
def test_sessions_can_be_recovered_to_any_second() -> None:
    table = stack().one(TABLE, TableName="payment-sessions-dev")
    assert table["PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"] is True


@meets("BG-14")
def test_databases_let_in_applications_rotation_and_replication_alone() -> None:
    wanted = {group_called("The blue"), group_called("The green"), group_called("Replication")}
    for side in SIDES:
        group = cluster(side)["VpcSecurityGroupIds"][0].strip("{}").split(".")[0]
        found = reachable_from(stack(), group, 3306)
        assert wanted < found
        assert [one for one in found - wanted if "Rotated" not in one] == []


@meets("BG-15", "BG-16", "BG-20", "BG-21")
def test_both_clusters_are_aurora_mysql_in_long_term_support_backed_up_and_logged() -> None:
    for side in SIDES:
        one = cluster(side)
        assert (one["Engine"], one["EngineVersion"]) == ("aurora-mysql", "8.0.mysql_aurora.3.10.4")
        assert one["BackupRetentionPeriod"] == 7
        assert one["EnableCloudwatchLogsExports"] == ["audit", "error", "general", "slowquery"]
    for group in stack().of("AWS::RDS::DBClusterParameterGroup"):
        switched = {"server_audit_logging": "1", "general_log": "1", "slow_query_log": "1"}
        assert switched.items() <= group["Parameters"].items()


@meets("BG-22", "BG-23", "BG-24")
def test_each_side_has_two_private_memory_optimised_instances() -> None:
    for side in SIDES:
        found = stack().of(INSTANCE, DBClusterIdentifier=f"{{{cluster(side).id}}}")
        assert [one["DBInstanceClass"] for one in found] == ["db.r6g.large"] * 2
        assert [one["PubliclyAccessible"] for one in found] == [False] * 2


@meets("BG-25", "BG-26")
def test_both_target_groups_are_checked_on_health() -> None:
    for side in SIDES:
        assert stack().one(TARGETS, Name=f"payments-{side}-dev")["HealthCheckPath"] == "/health"


@meets("BG-27")
def test_listener_forwards_by_weight_over_tls_and_plain_http_is_redirected() -> None:
    template = stack()
    https = template.one(LISTENER, Protocol="HTTPS")
    (action,) = https["DefaultActions"]
    weights = {one["TargetGroupArn"]: one["Weight"] for one in action["ForwardConfig"]["TargetGroups"]}
    blue, green = (f"{{{template.one(TARGETS, Name=f'payments-{side}-dev').id}}}" for side in SIDES)
    assert weights == {blue: 100, green: 0}
    assert template.one(LISTENER, Protocol="HTTP")["DefaultActions"][0]["Type"] == "redirect"


@meets("BG-28")
def test_switch_function_may_move_what_it_moves_and_erase_nothing() -> None:
    found = rights(switch())
    actions = {action for one in found for action in as_list(one["Action"])}
    assert {
        "elasticloadbalancing:ModifyListener",
        "elasticloadbalancing:ModifyRule",
        "ssm:GetParameter",
        "ssm:PutParameter",
    } <= actions
    assert not [action for action in actions if "Delete" in action or action.endswith("*")]
    wide = [action for one in found if one["Resource"] == "*" for action in as_list(one["Action"])]
    assert all(action.split(":")[1].startswith(("Describe", "Get")) for action in wide)
    role = next(one for one in stack().resources if one.id == switch()["Role"].strip("{}").split(".")[0])
    assert any("AWSLambdaBasicExecutionRole" in str(render(one)) for one in role["ManagedPolicyArns"])


@meets("BG-30", "BG-31", "BG-32", "BG-33")
def test_switch_function_knows_both_sides_and_has_room() -> None:
    function, template = switch(), stack()
    assert (function["Runtime"], function["Timeout"], function["MemorySize"]) == ("python3.13", 60, 256)
    told = function["Environment.Variables"]
    blue, green = (f"{{{template.one(TARGETS, Name=f'payments-{side}-dev').id}}}" for side in SIDES)
    assert (told["BLUE_TG_ARN"], told["GREEN_TG_ARN"]) == (blue, green)
    assert told["LISTENER_ARN"] == f"{{{template.one(LISTENER, Protocol='HTTPS').id}}}"
    assert told["SSM_PARAM_NAME"] == f"{{{template.one('Custom::CutoverState').id}.ActiveParameter}}"
    rule = template.one("AWS::Events::Rule")
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")


@meets("BG-35")
def test_outputs_tell_what_is_asked_for() -> None:
    outputs = stack().outputs
    assert {
        "VpcId",
        "BlueClusterEndpoint",
        "GreenClusterEndpoint",
        "AlbDnsName",
        "DynamodbTableName",
        "SwitchLambdaName",
        "SwitchLambdaArn",
        "ActiveEnvironmentParameter",
        "KmsKeyId",
        "BackupVaultName",
        "ConnectionInfo",
        "MigrationStatusParameter",
    } <= set(outputs)
    assert "password" not in json.dumps(outputs).lower()


@meets("BG-36")
def test_region_is_the_settings(tmp_path: Path) -> None:
    assert settings_of(NAME).region == "us-east-1"
    with pytest.raises(InvalidRequest, match="us-west-1 has 2 availability zones and 3 are needed"):
        loaded(tmp_path, region="us-west-1")


@meets("BG-G1")
def test_changes_are_carried_both_ways_over_verified_tls() -> None:
    template = stack()
    tasks = template.of("AWS::DMS::ReplicationTask")
    kinds = {one["ReplicationTaskIdentifier"]: one["MigrationType"] for one in tasks}
    assert kinds == {
        "payment-migration-dev-load": "full-load-and-cdc",
        "payment-migration-dev-forward": "cdc",
        "payment-migration-dev-backward": "cdc",
    }
    for one in template.of("AWS::DMS::Endpoint"):
        assert one["SslMode"] == "verify-ca"
        assert set(one["MySqlSettings"]) == {"SecretsManagerAccessRoleArn", "SecretsManagerSecretId"}
    for group in template.of("AWS::RDS::DBClusterParameterGroup"):
        assert {"binlog_format": "ROW", "binlog_row_image": "full"}.items() <= group["Parameters"].items()


def test_function_is_told_the_terms_of_the_settings() -> None:
    assert terms_of(switch()["Environment.Variables"]) == Terms()


def test_every_watched_alarm_is_built() -> None:
    settings = settings_of(NAME)
    assert isinstance(settings, PaymentMigration)
    built = {one["AlarmName"] for one in stack().of(ALARM)}
    assert set(Names(settings=settings).watched()) <= built


def test_what_makes_the_rule_may_not_move_weights() -> None:
    adopt = stack().one(FUNCTION, FunctionName="payment-adopt-dev")
    assert "elasticloadbalancing:ModifyRule" not in json.dumps(rights(adopt))


@pytest.mark.parametrize(("environment", "kept"), [("dev", False), ("prod", True)])
def test_protected_environment_keeps_its_data_and_a_test_environment_nothing(environment: str, kept: bool) -> None:
    template = stack(environment=environment, account="123456789012")
    policies = {one.raw.get("DeletionPolicy", "Delete") for one in template.of(CLUSTER)}
    assert policies == ({"Snapshot"} if kept else {"Delete"})
    assert {one["DeletionProtection"] for one in template.of(CLUSTER)} == {kept}
    assert {one["DeletionProtectionEnabled"] for one in template.of(TABLE)} == {kept}
    assert bool(template.of("Custom::EmptiedVault")) is not kept
    assert (template.one("AWS::KMS::Key").raw["DeletionPolicy"] == "Delete") is not kept


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ({"cutover": {"steps": [50, 10, 100]}}, "cutover.steps must be whole percentages that increase"),
        ({"cutover": {"steps": [10, 50]}}, "cutover.steps must be whole percentages that increase"),
        ({"cutover": {"bake": "30s"}}, "cutover.bake must be 1m or more, got 30s"),
        ({"cutover": {"freeze_limit": "2m"}}, "cutover.freeze_limit must be 5m or more, got 120s"),
        ({"cutover": {"timeout": "5m"}}, "cutover.timeout must be 60s to 80s, got 300s"),
        (
            {"network": {"cidr": "10.0.0.0/22"}},
            "network.cidr 10.0.0.0/22 has room for 4 subnets of /24 and 6 are needed",
        ),
        ({"database": {"readers": 16}}, "database.readers must be a whole number, 0 to 15, got 16"),
        ({"database": {"engine_version": "8.0.mysql_aurora.3.02.0"}}, "database.engine_version must be"),
        ({"database": {"logs": ["audit"]}}, "database.logs must hold error"),
        (
            {"replication": {"certificate": "arn:aws:dms:eu-west-1:123456789012:cert:A"}},
            "replication.certificate is in eu-west-1, not in us-east-1",
        ),
        (
            {"traffic": {"certificate": "arn:aws:acm:eu-west-1:123456789012:certificate/a"}},
            "traffic.certificate is in eu-west-1, not in us-east-1",
        ),
    ],
)
def test_impossible_settings_are_refused_in_one_line(tmp_path: Path, written: dict[str, Any], line: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        loaded(tmp_path, **written)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
