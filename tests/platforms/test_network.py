from __future__ import annotations

import pytest

from tests.platforms.conftest import Synthesis
from tests.platforms.reading import Template, meets


@meets("BS-09")
def test_network_has_two_isolated_subnets_and_no_way_out(primary: Template) -> None:
    vpc = primary.one("AWS::EC2::VPC")
    assert (vpc["EnableDnsSupport"], vpc["EnableDnsHostnames"]) == (True, True)
    subnets = primary.of("AWS::EC2::Subnet")
    assert len(subnets) == 2
    assert {subnet["CidrBlock"].rpartition("/")[2] for subnet in subnets} == {"24"}
    assert {subnet["MapPublicIpOnLaunch"] for subnet in subnets} == {False}
    zones = [subnet.raw["Properties"]["AvailabilityZone"]["Fn::Select"][0] for subnet in subnets]
    assert zones == [0, 1]
    for kind in ("InternetGateway", "NatGateway", "EgressOnlyInternetGateway", "Route"):
        assert primary.of(f"AWS::EC2::{kind}") == []


@meets("BS-10", "BS-11")
@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_gateway_endpoint_is_in_both_route_tables(primary: Template, service: str) -> None:
    endpoint = primary.one("AWS::EC2::VPCEndpoint", ServiceName=f"com.amazonaws.{{AWS::Region}}.{service}")
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert set(endpoint["RouteTableIds"]) == {f"{{{table.id}}}" for table in primary.of("AWS::EC2::RouteTable")}


@meets("BS-12", "BS-13", "BS-14")
@pytest.mark.parametrize("service", ["kms", "sqs", "sns"])
def test_interface_endpoint_is_in_both_subnets_and_open_to_the_network_alone(primary: Template, service: str) -> None:
    endpoint = primary.one("AWS::EC2::VPCEndpoint", ServiceName=f"com.amazonaws.us-east-1.{service}")
    assert endpoint["VpcEndpointType"] == "Interface"
    assert endpoint["PrivateDnsEnabled"] is True
    assert set(endpoint["SubnetIds"]) == {f"{{{subnet.id}}}" for subnet in primary.of("AWS::EC2::Subnet")}
    group = next(one for one in primary.resources if f"{{{one.id}.GroupId}}" in endpoint["SecurityGroupIds"])
    assert [(r["CidrIp"], r["IpProtocol"], r["FromPort"], r["ToPort"]) for r in group["SecurityGroupIngress"]] == [
        (f"{{{primary.one('AWS::EC2::VPC').id}.CidrBlock}}", "tcp", 443, 443)
    ]


def test_functions_in_the_network_may_only_open_tls(primary: Template) -> None:
    group = next(
        one for one in primary.of("AWS::EC2::SecurityGroup") if one["GroupDescription"].startswith("Functions")
    )
    assert [(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [
        ("tcp", 443, 443)
    ]
    assert group.get("SecurityGroupIngress") is None


def test_every_service_a_networked_role_may_call_has_an_endpoint(primary: Template) -> None:
    endpoints = {one["ServiceName"].rpartition(".")[2] for one in primary.of("AWS::EC2::VPCEndpoint")}
    for role in ("initiator", "worker", "restore", "verify", "prune"):
        assert primary.function(role).get("VpcConfig.SubnetIds")
        called = {action.partition(":")[0] for action in primary.actions(role)}
        assert called <= endpoints, role


def test_endpoint_policies_pass_nothing_but_the_vaults_own(primary: Template) -> None:
    for endpoint in primary.of("AWS::EC2::VPCEndpoint"):
        for one in endpoint["PolicyDocument.Statement"]:
            assert "*" not in (one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]])
            assert one["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "{AWS::AccountId}"}}


@meets("BS-06")
def test_without_private_network_nothing_of_it_is_built(synthesis: Synthesis) -> None:
    template = synthesis(vault={"private_network": False}).primary
    assert [one.id for one in template.resources if one.type.startswith("AWS::EC2::")] == []
    for function in template.of("AWS::Lambda::Function"):
        assert function.get("VpcConfig") is None
    roles = template.of("AWS::IAM::Role")
    assert not [role for role in roles if "VPCAccess" in str(role.get("ManagedPolicyArns"))]
    assert template.function("initiator").raw["Properties"]["Timeout"] == 300
