from __future__ import annotations

import json

from tests.platforms.reading import as_list, meets, statement
from tests.platforms.web_application.stacks import CERTIFICATE, IMAGE, imports, stack

LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
SERVICE, TASK = "AWS::ECS::Service", "AWS::ECS::TaskDefinition"


@meets("HA-20")
def test_balancer_is_on_the_internet_in_the_public_subnets() -> None:
    balancer = stack("compute").one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["Scheme"] == "internet-facing"
    assert balancer["Type"] == "application"
    assert len(balancer["Subnets"]) == 2
    assert all("PublicSubnet" in imports(one) for one in balancer["Subnets"])
    attributes = {one["Key"]: one["Value"] for one in balancer["LoadBalancerAttributes"]}
    assert attributes["access_logs.s3.enabled"] == "true"


@meets("HA-21")
def test_target_group_takes_addresses_and_asks_for_their_health() -> None:
    template = stack("compute", application={"health_path": "/ready", "port": 9000})
    targets = template.one("AWS::ElasticLoadBalancingV2::TargetGroup")
    assert targets["TargetType"] == "ip"
    assert (targets["HealthCheckPath"], targets["Matcher"]["HttpCode"], targets["Port"]) == ("/ready", "200", 9000)
    assert targets["HealthCheckTimeoutSeconds"] < targets["HealthCheckIntervalSeconds"]


@meets("HA-22", "HA-23")
def test_https_listener_uses_the_given_certificate_and_none_is_made() -> None:
    given = stack("compute", application={"certificate": CERTIFICATE})
    assert given.one(LISTENER, Port=443)["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert "CertificateArn" not in given.raw.get("Parameters", {})
    asked = stack("compute").one(LISTENER, Port=443)
    assert asked["Certificates"] == [{"CertificateArn": "{CertificateArn}"}]
    assert asked["Protocol"] == "HTTPS"
    assert stack("compute").of("AWS::CertificateManager::Certificate") == []


@meets("HA-24")
def test_plain_http_is_redirected() -> None:
    action = stack("compute").one(LISTENER, Port=80)["DefaultActions"][0]
    assert action["RedirectConfig"] == {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"}


@meets("HA-25")
def test_cluster_tells_what_its_containers_do() -> None:
    cluster = stack("compute").one("AWS::ECS::Cluster")
    assert cluster["ClusterName"] == "ecs-cluster-dev"
    assert cluster["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enabled"}]


@meets("HA-26")
def test_service_runs_two_tasks_or_more_in_private_subnets_behind_the_target_group() -> None:
    template = stack("compute")
    service = template.one(SERVICE)
    network = service["NetworkConfiguration.AwsvpcConfiguration"]
    assert service["LaunchType"] == "FARGATE"
    assert network["AssignPublicIp"] == "DISABLED"
    assert all("PrivateSubnet" in imports(one) for one in network["Subnets"])
    targets = template.one("AWS::ElasticLoadBalancingV2::TargetGroup").id
    assert service["LoadBalancers"][0]["TargetGroupArn"] == f"{{{targets}}}"
    assert template.one("AWS::ApplicationAutoScaling::ScalableTarget")["MinCapacity"] == 2
    assert template.one(LISTENER, Port=443).id in service.raw["DependsOn"]


@meets("HA-27")
def test_task_logs_and_has_two_roles() -> None:
    template = stack("compute")
    task = template.one(TASK)
    assert task["RequiresCompatibilities"] == ["FARGATE"]
    assert task["NetworkMode"] == "awsvpc"
    log = task["ContainerDefinitions"][0]["LogConfiguration"]
    group = template.one("AWS::Logs::LogGroup", LogGroupName="/ecs/ecs-service-dev").id
    assert (log["LogDriver"], log["Options"]["awslogs-group"]) == ("awslogs", f"{{{group}}}")
    roles = {name: template.one("AWS::IAM::Role", RoleName=f"ecs-{name}-role-dev").id for name in ("execution", "task")}
    assert task["ExecutionRoleArn"] == f"{{{roles['execution']}.Arn}}"
    assert task["TaskRoleArn"] == f"{{{roles['task']}.Arn}}"


@meets("HA-28")
def test_failed_deployments_roll_back_and_load_adds_tasks() -> None:
    template = stack("compute", application={"max_tasks": 9, "cpu_percent": 50})
    breaker = template.one(SERVICE)["DeploymentConfiguration.DeploymentCircuitBreaker"]
    assert breaker == {"Enable": True, "Rollback": True}
    assert template.one("AWS::ApplicationAutoScaling::ScalableTarget")["MaxCapacity"] == 9
    policy = template.one("AWS::ApplicationAutoScaling::ScalingPolicy")
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 50
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "ECSServiceAverageCPUUtilization"


@meets("HA-52")
def test_task_role_reaches_the_applications_own_data_alone() -> None:
    role = stack("compute").one("AWS::IAM::Role", RoleName="ecs-task-role-dev")
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert {one["Sid"] for one in statements} == {"Objects", "ListObjects", "Sessions", "Credentials", "UseKey"}
    assert "secretsmanager:PutSecretValue" not in json.dumps(statements)
    through = statement(statements, "UseKey")["Condition"]["StringEquals"]["kms:ViaService"]
    assert set(through) == {f"{one}.us-east-1.amazonaws.com" for one in ("dynamodb", "s3", "secretsmanager")}
    for one in statements:
        assert "*" not in as_list(one["Resource"])


def test_variables_and_image_of_the_settings_are_the_containers() -> None:
    application = {"image": IMAGE, "environment": {"FEATURE": "on"}, "architecture": "arm64"}
    task = stack("compute", application=application).one(TASK)
    container = task["ContainerDefinitions"][0]
    assert container["Image"] == IMAGE
    assert {"Name": "FEATURE", "Value": "on"} in container["Environment"]
    assert task["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}
