from __future__ import annotations

import json
import re
from typing import Any

import pytest

from holdfast.settings.web_application import WebApplication
from tests.platforms.databases import settings_of
from tests.platforms.reading import as_list, meets, policy_documents
from tests.platforms.web_application.stacks import CERTIFICATE, COMPONENTS, NAME, everything, stack, templates

STATEFUL = {
    "keys": ["Key9BCD29C7"],
    "database": [
        "CredentialsSecret40F8BB41",
        "DatabaseCluster5B53A178",
        "DatabaseClusterInstance1E154D1E9",
        "DatabaseClusterInstance2D6BCD1AC",
    ],
    "storage": ["AccessLogsBucketCD784A59", "ObjectsBucket5A707942", "SessionsTableA5E8383B"],
    "backup": ["BackupVaultD1FD0DC4"],
}
STATEFUL_TYPES = {
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::DynamoDB::Table",
    "AWS::Backup::BackupVault",
}
# The properties that hold a name; those of an alarm's metric or of a dependency are not names.
NAMED = {
    "AlarmName",
    "AliasName",
    "BackupVaultName",
    "BucketName",
    "ClusterName",
    "DBClusterIdentifier",
    "DBInstanceIdentifier",
    "DashboardName",
    "Family",
    "FunctionName",
    "GroupName",
    "LogGroupName",
    "Name",
    "RoleName",
    "ServiceName",
    "SubscriptionName",
    "TableName",
    "TopicName",
}
# Their properties of these names are a family of engines and a service of AWS.
UNNAMED = ("AWS::EC2::VPCEndpoint", "AWS::RDS::DBClusterParameterGroup")


def names_of(**changes: Any) -> list[tuple[str, str]]:
    found = [
        (one.type, value)
        for one in everything(**changes)
        for key, value in one.properties.items()
        if key in NAMED and isinstance(value, str) and not value.startswith("{") and one.type not in UNNAMED
    ]
    plans = stack("backup", **changes)
    plan = plans.one("AWS::Backup::BackupPlan")["BackupPlan"]
    selection = plans.one("AWS::Backup::BackupSelection")["BackupSelection"]
    found += [("plan", plan["BackupPlanName"]), ("rule", plan["BackupPlanRule"][0]["RuleName"])]
    return [*found, ("selection", selection["SelectionName"])]


@meets("HA-58")
@pytest.mark.parametrize("component", COMPONENTS)
def test_logical_ids_of_what_holds_state_never_change(component: str) -> None:
    found = sorted(one.id for one in stack(component).resources if one.type in STATEFUL_TYPES)
    assert found == STATEFUL.get(component, [])


@meets("HA-56")
def test_each_component_is_a_stack_of_its_own() -> None:
    assert tuple(templates()) == COMPONENTS
    owners = {one.type: name for name, template in templates().items() for one in template.resources}
    assert owners["AWS::EC2::VPC"] == "network"
    assert owners["AWS::KMS::Key"] == "keys"
    assert owners["AWS::RDS::DBCluster"] == "database"
    assert owners["AWS::DynamoDB::Table"] == "storage"
    assert owners["AWS::ECS::Service"] == "compute"
    assert owners["AWS::CloudWatch::Alarm"] == "monitoring"
    assert owners["AWS::Backup::BackupPlan"] == "backup"


@meets("HA-57")
@pytest.mark.parametrize("changes", [{}, {"environment": "prod"}, {"network": {"nat": True}}])
def test_stacks_refer_only_to_earlier_ones(changes: dict[str, Any]) -> None:
    earlier: set[str] = set()
    for name, template in templates(**changes).items():
        text = json.dumps(template.raw)
        used = set(re.findall(r'"Fn::ImportValue": "web-application-([a-z]+)-', text))
        assert used <= earlier, name
        earlier.add(name)


@meets("HA-57")
def test_without_an_account_no_account_is_written() -> None:
    for template in templates().values():
        text = re.sub(r"0\.0\.0\.0/0|255\.255\.255\.255", "", json.dumps(template.raw))
        assert re.findall(r"\b\d{12}\b", text.replace("[0-9]{12}", "")) == []


@meets("HA-49")
def test_environment_is_in_every_name() -> None:
    for environment in ("dev", "pr-12"):
        found = names_of(environment=environment)
        assert len(found) > 40
        assert [name for _, name in found if environment not in name] == []


@meets("HA-50")
def test_names_are_a_kind_and_the_environment() -> None:
    endings = r"-dev(-\{AWS::AccountId\}-us-east-1|-\d+|/performance|/postgresql|-rotation|-cluster|-instances)?$"
    wrong = [name for _, name in names_of() if not re.search(endings, name)]
    assert wrong == []


@meets("HA-51")
def test_everything_is_in_one_region_us_east_1_by_default() -> None:
    settings = settings_of(NAME)
    assert isinstance(settings, WebApplication)
    assert settings.region == "us-east-1"
    other = r"(?:us|eu|ap|sa|ca)-(?:east|west|north|south|central|northeast|southeast)-\d"
    for template in templates(environment="prod").values():
        assert set(re.findall(other, json.dumps(template.raw))) <= {"us-east-1"}


@meets("HA-52")
def test_no_role_may_do_everything_or_anything_to_everything() -> None:
    for component, template in templates().items():
        for id_, statement in policy_documents(template):
            one = next(resource for resource in template.resources if resource.id == id_)
            if one.type not in ("AWS::IAM::Role", "AWS::IAM::Policy") or "Action" not in statement:
                continue
            for action in as_list(statement["Action"]):
                assert action != "*", (component, id_)
                if "*" in action:
                    assert "*" not in as_list(statement.get("Resource", [])), (component, id_, action)
            if "*" in as_list(statement.get("Resource", [])):
                assert as_list(statement["Action"]) == ["ecr:GetAuthorizationToken"]


@meets("HA-53")
def test_nothing_outlives_a_test_environment() -> None:
    for one in everything():
        assert one.raw.get("DeletionPolicy", "Delete") == "Delete", one.id
        assert one.raw.get("UpdateReplacePolicy", "Delete") == "Delete", one.id
        assert one.get("DeletionProtection") in (None, False), one.id
        assert one.get("DeletionProtectionEnabled") in (None, False), one.id
    attributes = stack("compute").one("AWS::ElasticLoadBalancingV2::LoadBalancer")["LoadBalancerAttributes"]
    assert {"Key": "deletion_protection.enabled", "Value": "false"} in attributes


def test_production_keeps_its_data_and_refuses_deletion() -> None:
    kept = {one.id: one.raw.get("DeletionPolicy") for one in everything(environment="prod")}
    for id_ in (*STATEFUL["storage"], *STATEFUL["backup"], *STATEFUL["keys"]):
        assert kept[id_] == "RetainExceptOnCreate", id_
    assert kept["DatabaseCluster5B53A178"] == "Snapshot"
    assert stack("database", environment="prod").one("AWS::RDS::DBCluster")["DeletionProtection"] is True
    assert stack("storage", environment="prod").one("AWS::DynamoDB::Table")["DeletionProtectionEnabled"] is True


def test_cluster_that_is_retained_keeps_its_network() -> None:
    network = stack("network", removal="retain")
    assert {one.raw.get("DeletionPolicy") for one in network.resources} == {"RetainExceptOnCreate"}


@meets("HA-54")
def test_what_cannot_be_deleted_full_is_emptied_first() -> None:
    storage, backup = stack("storage"), stack("backup")
    emptied = {one["Bucket"] for one in storage.of("Custom::EmptiedBucket")}
    assert emptied == {f"{{{one.id}}}" for one in storage.of("AWS::S3::Bucket")}
    vault = backup.one("AWS::Backup::BackupVault").id
    assert backup.one("Custom::EmptiedVault")["Vault"] == f"{{{vault}}}"


def test_nothing_empties_what_production_keeps() -> None:
    kinds = {one.type for one in everything(environment="prod")}
    assert not [kind for kind in kinds if kind.startswith("Custom::")]
    assert "AWS::Lambda::Function" not in kinds


@meets("HA-55")
def test_tags_for_cost_are_on_everything_that_can_have_them() -> None:
    found = [one for one in everything() if isinstance(one.properties.get("Tags"), list)]
    assert len(found) > 40
    for one in found:
        assert {"Environment", "Project", "CostCenter"} <= set(one.tags), one.id
    assert {one.type for one in found} >= {
        "AWS::CloudWatch::Alarm",
        "AWS::DynamoDB::Table",
        "AWS::EC2::VPC",
        "AWS::ECS::Service",
        "AWS::ECS::TaskDefinition",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::IAM::Role",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SecretsManager::Secret",
    }


def test_tags_of_the_settings_win() -> None:
    tags = stack("keys", tags={"CostCenter": "Shop"}).one("AWS::KMS::Key").tags
    assert (tags["CostCenter"], tags["Environment"]) == ("Shop", "dev")


@meets("HA-61")
def test_outputs_tell_an_integration_test_where_things_are() -> None:
    wanted = {
        "compute": {"LoadBalancerDnsName", "EcsClusterName", "EcsServiceName"},
        "database": {"DatabaseEndpoint", "DatabaseReadEndpoint", "DatabaseSecretArn"},
        "storage": {"TableName", "BucketName", "LogBucketName"},
        "backup": {"BackupVaultName", "BackupPlanId", "BackupRoleArn"},
        "monitoring": {"AlarmTopicArn", "DashboardName"},
        "network": {"VpcId"},
        "keys": {"KeyArn"},
    }
    for component, names in wanted.items():
        assert names <= set(stack(component).outputs), component


@meets("HA-41")
def test_every_log_group_keeps_thirty_days_and_is_encrypted() -> None:
    groups = [one for one in everything() if one.type == "AWS::Logs::LogGroup"]
    assert len(groups) == 7
    assert {one["RetentionInDays"] for one in groups} == {30}
    assert all(one.get("KmsKeyId") for one in groups)


def test_certificate_and_image_are_asked_for_where_the_settings_leave_them_open() -> None:
    parameters = stack("compute").raw["Parameters"]
    assert set(parameters) == {"CertificateArn", "ContainerImage"}
    assert not any("Default" in one for one in parameters.values())
    assert re.fullmatch(parameters["CertificateArn"]["AllowedPattern"], CERTIFICATE)
