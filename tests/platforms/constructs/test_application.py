from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Fn, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from holdfast.errors import InvalidRequest
from holdfast.platforms.constructs.backup_plan import BackupNames, BackupPlan, BackupShape
from holdfast.platforms.constructs.credentials import admit
from holdfast.platforms.constructs.dashboard import Chart, Dashboard, Line
from holdfast.platforms.constructs.emptied_vault import EmptiedVault
from holdfast.platforms.constructs.fargate import FargateService, Scaling, TaskNames, TaskShape
from holdfast.platforms.constructs.load_balancer import PublicLoadBalancer, Weighted, let_load_balancers_log
from holdfast.platforms.constructs.public_network import PublicNetwork, PublicNetworkShape, image_layers
from tests.platforms.reading import Template, as_list, statement

REPOSITORY = "arn:aws:ecr:us-east-1:111111111111:repository/shop"
CERTIFICATE = "arn:aws:acm:us-east-1:111111111111:certificate/1"


class Bench(Stack):
    """A stack with three zones and what the constructs need of their surroundings."""

    def __init__(self) -> None:
        super().__init__(App(analytics_reporting=False), "bench")

    @property
    def availability_zones(self) -> list[str]:
        return [Fn.select(index, Fn.get_azs()) for index in range(3)]

    def network(self, **changes: Any) -> PublicNetwork:
        shape = {"name": "net-dev", "cidr": "10.1.0.0/16", "zones": 3, **changes}
        return PublicNetwork(self, "Network", shape=PublicNetworkShape(**shape))

    def group(self, id_: str, network: PublicNetwork) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, id_, vpc=network.vpc, allow_all_outbound=False)

    def balancer(self, network: PublicNetwork, **changes: Any) -> PublicLoadBalancer:
        given = {"name": "alb-dev", "certificate_arn": CERTIFICATE, "logs": None, "protected": False, **changes}
        return PublicLoadBalancer(self, "Front", vpc=network.vpc, group=self.group("FrontGroup", network), **given)

    def service(self, task: TaskShape, scaling: Scaling) -> FargateService:
        network = self.network()
        front = self.balancer(network)
        targets = front.add_targets("Blue", name="blue-dev", port=task.port)
        tasks = self.group("TaskGroup", network)
        admit(front.balancer.connections.security_groups[0], tasks, task.port, "requests")
        service = FargateService(
            self,
            "Application",
            names=TaskNames(cluster="c", service="s", family="f", execution_role="er", task_role="tr"),
            task=task,
            scaling=scaling,
            subnets=network.private_subnets,
            group=tasks,
            log_group=logs.LogGroup(self, "Log", log_group_name="/ecs/s"),
            targets=targets,
            repository_arn=REPOSITORY,
            task_statements=[iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::b/*"])],
        )
        service.service.node.add_dependency(front.serve([Weighted(group=targets, weight=1)]))
        return service


def built(fill: Callable[[Bench], object]) -> Template:
    bench = Bench()
    fill(bench)
    app = bench.node.root
    assert isinstance(app, App)
    return Template(app.synth().get_stack_by_name(bench.stack_name).template)


def run(bench: Bench) -> object:
    image = "111111111111.dkr.ecr.us-east-1.amazonaws.com/shop:1"
    return bench.service(TaskShape(image=image, port=8080), Scaling(least=2, most=6))


@pytest.fixture(scope="module")
def service() -> Template:
    return built(run)


def test_network_has_a_public_and_a_private_subnet_in_each_zone_and_no_nat() -> None:
    template = built(lambda bench: bench.network())
    assert len(template.of("AWS::EC2::Subnet")) == 6
    assert template.of("AWS::EC2::NatGateway") == []
    routes = template.of("AWS::EC2::Route", DestinationCidrBlock="0.0.0.0/0")
    assert len(routes) == 3
    assert all(one.get("GatewayId") for one in routes)


def test_network_with_nat_has_a_gateway_in_each_zone() -> None:
    template = built(lambda bench: bench.network(nat=True))
    assert len(template.of("AWS::EC2::NatGateway")) == 3


def test_subnets_hand_out_no_public_addresses_by_themselves() -> None:
    template = built(lambda bench: bench.network())
    assert {one["MapPublicIpOnLaunch"] for one in template.of("AWS::EC2::Subnet")} == {False}


@pytest.mark.parametrize("zones", [1, 4, 7])
def test_zones_the_stack_has_not_are_refused(zones: int) -> None:
    with pytest.raises(InvalidRequest, match=f"{zones}"):
        built(lambda bench: bench.network(zones=zones))


def test_endpoints_admit_named_groups_and_pass_one_repository_and_one_log() -> None:
    def fill(bench: Bench) -> None:
        network = bench.network()
        network.admit_to_endpoints(bench.group("Tasks", network))
        network.let_tasks_start(repository_arn=REPOSITORY, log_group_arns=["arn:aws:logs:x:1:log-group:/ecs/s"])
        network.reach_by_gateway("S3", ec2.GatewayVpcEndpointAwsService.S3, [image_layers(bench)])

    template = built(fill)
    endpoints = template.of("AWS::EC2::VPCEndpoint")
    services = {one["ServiceName"].rsplit("}", 1)[-1].lstrip(".") for one in endpoints}
    assert services == {"ecr.api", "ecr.dkr", "logs", "s3"}
    for one in endpoints:
        assert one.get("PolicyDocument.Statement")
        if one["VpcEndpointType"] == "Interface":
            assert one["PrivateDnsEnabled"] is True
            assert len(one["SubnetIds"]) == 3
    ingress = template.one("AWS::EC2::SecurityGroupIngress")
    assert (ingress["FromPort"], ingress["ToPort"]) == (443, 443)
    assert ingress["SourceSecurityGroupId"].startswith("{Tasks")


def test_balancer_is_public_logged_and_redirects_plain_http() -> None:
    def fill(bench: Bench) -> None:
        bucket = s3.Bucket(bench, "Logs")
        let_load_balancers_log(bucket)
        bench.balancer(bench.network(), logs=bucket, protected=True)

    template = built(fill)
    balancer = template.one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    attributes = {one["Key"]: one["Value"] for one in balancer["LoadBalancerAttributes"]}
    assert balancer["Scheme"] == "internet-facing"
    assert len(balancer["Subnets"]) == 3
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["deletion_protection.enabled"] == "true"
    redirect = template.one("AWS::ElasticLoadBalancingV2::Listener", Port=80)["DefaultActions"][0]
    assert redirect["RedirectConfig"] == {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"}
    policy = template.one("AWS::S3::BucketPolicy")["PolicyDocument.Statement"]
    assert statement(policy, "AllowLoadBalancerLogs")["Resource"].endswith("/alb/AWSLogs/{AWS::AccountId}/*")


def test_balancer_admits_the_internet_on_443_and_80_alone() -> None:
    template = built(lambda bench: bench.balancer(bench.network()))
    rules = template.one("AWS::EC2::SecurityGroup", GroupDescription="bench/FrontGroup")["SecurityGroupIngress"]
    assert {(one["CidrIp"], one["FromPort"], one["ToPort"]) for one in rules} == {
        ("0.0.0.0/0", 443, 443),
        ("0.0.0.0/0", 80, 80),
    }


def test_listener_forwards_by_weight_with_the_given_certificate() -> None:
    def fill(bench: Bench) -> None:
        front = bench.balancer(bench.network())
        blue, green = (front.add_targets(name, name=name.lower(), port=80) for name in ("Blue", "Green"))
        front.serve([Weighted(group=blue, weight=90), Weighted(group=green, weight=10)])

    listener = built(fill).one("AWS::ElasticLoadBalancingV2::Listener", Port=443)
    groups = listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
    assert [one["Weight"] for one in groups] == [90, 10]
    assert listener["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert "TLS13" in listener["SslPolicy"]


@pytest.mark.parametrize("weights", [[], [0, 0], [1000], [-1, 1], [1] * 6])
def test_weights_that_serve_nobody_are_refused(weights: list[int]) -> None:
    def fill(bench: Bench) -> None:
        front = bench.balancer(bench.network())
        groups = [front.add_targets(f"G{n}", name=f"g{n}", port=80) for n in range(len(weights))]
        front.serve([Weighted(group=group, weight=one) for group, one in zip(groups, weights, strict=True)])

    with pytest.raises(InvalidRequest, match=r"weights must|1 to 5 target groups"):
        built(fill)


def test_name_that_is_too_long_for_a_balancer_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="at most 32"):
        built(lambda bench: bench.balancer(bench.network(), name="a" * 33))


def test_service_runs_in_private_subnets_and_rolls_failed_deployments_back(service: Template) -> None:
    one = service.one("AWS::ECS::Service")
    network = one["NetworkConfiguration.AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert all("Private" in subnet for subnet in network["Subnets"])
    assert len(network["Subnets"]) == 3
    assert one["DeploymentConfiguration"] == {
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "MaximumPercent": 200,
        "MinimumHealthyPercent": 100,
    }
    assert {"Https", "Redirect"} & {id_.removeprefix("Front")[:5] for id_ in one.raw["DependsOn"]}


def test_deployment_leaves_the_number_of_tasks_to_scaling(service: Template) -> None:
    assert service.one("AWS::ECS::Service").get("DesiredCount") is None
    target = service.one("AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)


def test_roles_are_apart_and_hold_named_resources(service: Template) -> None:
    task = service.one("AWS::ECS::TaskDefinition")
    assert task["ExecutionRoleArn"] != task["TaskRoleArn"]
    execution = service.one("AWS::IAM::Role", RoleName="er")["Policies"][0]["PolicyDocument"]["Statement"]
    wide = [one["Action"] for one in execution if "*" in as_list(one["Resource"])]
    assert wide == ["ecr:GetAuthorizationToken"]
    assert statement(execution, "PullImage")["Resource"] == REPOSITORY


def test_log_goes_to_the_given_group(service: Template) -> None:
    container = service.one("AWS::ECS::TaskDefinition")["ContainerDefinitions"][0]
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"
    assert container["LogConfiguration"]["Options"]["awslogs-group"].startswith("{Log")


@pytest.mark.parametrize(("cpu", "memory"), [(256, 4096), (300, 1024), (4096, 4096), (8192, 17408)])
def test_sizes_fargate_has_not_are_refused(cpu: int, memory: int) -> None:
    task = TaskShape(image="i", port=80, cpu=cpu, memory_mib=memory)
    with pytest.raises(InvalidRequest, match="cpu"):
        built(lambda bench: bench.service(task, Scaling(least=2, most=2)))


@pytest.mark.parametrize(("least", "most"), [(1, 4), (3, 2)])
def test_a_single_task_or_a_range_upside_down_is_refused(least: int, most: int) -> None:
    with pytest.raises(InvalidRequest, match="tasks must be 2 or more"):
        built(lambda bench: bench.service(TaskShape(image="i", port=80), Scaling(least=least, most=most)))


def plan(bench: Bench, resources: tuple[str, ...] = ("arn:aws:rds:r:1:cluster:c",), **changes: Any) -> BackupPlan:
    return BackupPlan(
        bench,
        "Backup",
        names=BackupNames(vault="v-dev", plan="p-dev", rule="daily-dev", selection="s-dev", role="r-dev"),
        shape=BackupShape(**{"schedule": "cron(0 3 * * ? *)", "keep_days": 7, **changes}),
        key=kms.Key(bench, "Key"),
        resources=resources,
        removal=RemovalPolicy.DESTROY,
    )


def test_plan_fills_an_encrypted_vault_every_day_and_keeps_a_week() -> None:
    template = built(lambda bench: plan(bench, point_tags={"CostCenter": "Web"}, copy_to="arn:aws:backup:x:1:vault"))
    rule = template.one("AWS::Backup::BackupPlan")["BackupPlan.BackupPlanRule"][0]
    assert rule["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert rule["Lifecycle"] == {"DeleteAfterDays": 7}
    assert rule["RecoveryPointTags"] == {"CostCenter": "Web"}
    assert rule["CopyActions"][0]["DestinationBackupVaultArn"] == "arn:aws:backup:x:1:vault"
    key = template.one("AWS::KMS::Key").id
    assert template.one("AWS::Backup::BackupVault")["EncryptionKeyArn"] == f"{{{key}.Arn}}"
    selection = template.one("AWS::Backup::BackupSelection")["BackupSelection"]
    assert selection["Resources"] == ["arn:aws:rds:r:1:cluster:c"]
    assert len(template.one("AWS::IAM::Role")["ManagedPolicyArns"]) == 2


@pytest.mark.parametrize(
    "changes",
    [{"keep_days": 0}, {"start_minutes": 59}, {"completion_minutes": 119}, {"resources": ()}],
)
def test_plan_that_backs_up_nothing_in_time_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        built(lambda bench: plan(bench, **changes))


def test_vault_of_a_destroyable_stack_is_emptied_before_it_goes() -> None:
    def fill(bench: Bench) -> None:
        made = plan(bench)
        EmptiedVault(bench, "Emptied", plan=made, name="emptier-dev", log_key=kms.Key(bench, "LogKey"))

    template = built(fill)
    vault = template.one("AWS::Backup::BackupVault").id
    assert template.one("Custom::EmptiedVault")["Vault"] == f"{{{vault}}}"
    rights = template.one("AWS::IAM::Role", Description="Deletes the vault's recovery points when its stack is deleted")
    statements = rights["Policies"][0]["PolicyDocument"]["Statement"]
    assert statement(statements, "ListPoints")["Resource"] == f"{{{vault}.BackupVaultArn}}"
    assert all(":" in one for one in statement(statements, "DeletePoints")["Resource"])
    emptied = template.one("Custom::EmptiedVault")
    assert template.one("AWS::IAM::Role", RoleName="r-dev").id in emptied.raw["DependsOn"]
    assert emptied.id in template.one("AWS::Backup::BackupSelection").raw["DependsOn"]


def test_dashboard_shows_each_chart_with_its_lines() -> None:
    def fill(bench: Bench) -> None:
        line = Line(namespace="AWS/ECS", metric="CPUUtilization", dimensions={"A": "1"}, statistic="p95", label="CPU")
        charts = [Chart(title=name, lines=[line]) for name in ("First", "Second", "Third")]
        Dashboard(bench, "Board", name="board-dev", charts=charts)

    body = built(fill).one("AWS::CloudWatch::Dashboard")["DashboardBody"].replace("{AWS::Region}", "us-east-1")
    widgets = json.loads(body)["widgets"]
    assert [one["properties"]["title"] for one in widgets] == ["First", "Second", "Third"]
    assert [(one["x"], one["y"]) for one in widgets] == [(0, 0), (12, 0), (0, 6)]
    assert widgets[0]["properties"]["metrics"] == [
        ["AWS/ECS", "CPUUtilization", "A", "1", {"stat": "p95", "label": "CPU"}]
    ]
