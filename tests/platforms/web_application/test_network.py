from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.databases import reachable_from
from tests.platforms.reading import Resource, Template, as_list, meets
from tests.platforms.web_application.stacks import IMAGE, group, imports, stack

SUBNET, ENDPOINT = "AWS::EC2::Subnet", "AWS::EC2::VPCEndpoint"


def endpoints(**changes: Any) -> dict[str, Resource]:
    return {service_of(one): one for one in stack("network", **changes).of(ENDPOINT)}


def service_of(endpoint: Resource) -> str:
    return (
        str(endpoint["ServiceName"]).removeprefix("com.amazonaws.").removeprefix("us-east-1").split("}")[-1].strip(".")
    )


def passed(endpoint: Resource) -> dict[str, list[str]]:
    """Resources by action."""
    statements = as_list(endpoint["PolicyDocument.Statement"])
    return {action: as_list(one["Resource"]) for one in statements for action in as_list(one["Action"])}


def internal(template: Template, kind: str) -> list[Resource]:
    return [one for one in template.of(SUBNET) if kind in one.id]


@meets("HA-29")
@pytest.mark.parametrize("zones", [2, 3])
def test_network_has_a_public_and_a_private_subnet_in_each_zone(zones: int) -> None:
    template = stack("network", network={"zones": zones})
    for kind in ("Public", "Private"):
        found = internal(template, kind)
        assert [one["AvailabilityZone"]["Fn::Select"][0] for one in found] == list(range(zones))
    routed = {one["RouteTableId"] for one in template.of("AWS::EC2::Route", DestinationCidrBlock="0.0.0.0/0")}
    assert len(routed) == zones
    assert all("Public" in one for one in routed)


@meets("HA-30")
@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_gateway_endpoint_is_in_every_private_route_table(service: str) -> None:
    endpoint = endpoints()[service]
    assert endpoint["VpcEndpointType"] == "Gateway"
    tables = {one for one in endpoint["RouteTableIds"] if "Private" in one}
    assert len(tables) == 2


@meets("HA-31")
@pytest.mark.parametrize("service", ["ecr.api", "ecr.dkr", "logs", "secretsmanager"])
def test_interface_endpoint_is_in_each_zone_with_its_private_name(service: str) -> None:
    endpoint = endpoints()[service]
    assert endpoint["VpcEndpointType"] == "Interface"
    assert endpoint["PrivateDnsEnabled"] is True
    assert len(endpoint["SubnetIds"]) == 2
    assert all("Private" in one for one in endpoint["SubnetIds"])


@meets("HA-31")
@pytest.mark.parametrize("nat", [False, True])
def test_tasks_may_reach_the_endpoints_and_nobody_else_but_rotation(nat: bool) -> None:
    template = stack("network", network={"nat": nat})
    endpoint, tasks = group(template, "Interface endpoints").id, group(template, "Tasks").id
    assert reachable_from(template, endpoint, 443) == {tasks}
    rules = stack("database", network={"nat": nat}).of("AWS::EC2::SecurityGroupIngress", FromPort=443)
    assert len(rules) == 1
    assert "EndpointGroup" in imports(rules[0]["GroupId"])


@meets("HA-31")
def test_endpoints_pass_what_the_tasks_need_and_no_more() -> None:
    found = endpoints(account="123456789012", application={"image": IMAGE})
    repository = "arn:aws:ecr:us-east-1:123456789012:repository/shop/web"
    assert passed(found["ecr.dkr"])["ecr:BatchGetImage"] == [repository]
    layers = "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"
    assert any(as_list(one["Resource"]) == [layers] for one in found["s3"]["PolicyDocument.Statement"])
    assert passed(found["dynamodb"])["dynamodb:GetItem"] == [
        "arn:aws:dynamodb:us-east-1:123456789012:table/session-table-dev"
    ]
    assert passed(found["secretsmanager"])["secretsmanager:GetSecretValue"] == [
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:aurora-secret-dev-??????"
    ]
    assert passed(found["logs"])["logs:PutLogEvents"] == [
        "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/ecs-service-dev:*"
    ]


@meets("HA-32")
def test_there_is_no_nat_gateway_unless_it_is_asked_for() -> None:
    assert stack("network").of("AWS::EC2::NatGateway") == []
    assert len(stack("network", network={"nat": True, "zones": 3}).of("AWS::EC2::NatGateway")) == 3


@meets("HA-33")
def test_only_the_balancer_is_open_and_each_step_admits_the_one_before() -> None:
    template, database = stack("network"), stack("database")
    front, tasks = group(template, "Load balancer").id, group(template, "Tasks").id
    assert reachable_from(template, front, 443) == {"0.0.0.0/0"}
    assert reachable_from(template, front, 80) == {"0.0.0.0/0"}
    assert reachable_from(template, tasks, 8080) == {front}
    assert len(template.of("AWS::EC2::SecurityGroupIngress", GroupId=f"{{{tasks}.GroupId}}")) == 1
    data = group(database, "Database").id
    rules = database.of("AWS::EC2::SecurityGroupIngress", GroupId=f"{{{data}.GroupId}}")
    assert {(one["FromPort"], one["ToPort"]) for one in rules} == {(5432, 5432)}
    sources = [one["SourceSecurityGroupId"] for one in rules]
    assert sum(isinstance(one, dict) and "TaskGroup" in imports(one) for one in sources) == 1
    assert len(sources) == 2  # the tasks, and the function that rotates the password
    assert (
        database.one("AWS::EC2::SecurityGroup", GroupDescription=group(database, "Database")["GroupDescription"])[
            "SecurityGroupEgress"
        ][0]["CidrIp"]
        == "255.255.255.255/32"
    )
