"""What a template promises of networks: addresses, routes, security groups, endpoints."""

from __future__ import annotations

from typing import Any

from holdfast.rehearsal import read_back_words as words
from holdfast.rehearsal.read_back_rows import Call, Deployed, Row, addressed, among, in_first, listing, rows, tagged


def _vpc_attribute(name: str) -> Call:
    return Call(
        service="ec2",
        operation="describe_vpc_attribute",
        parameters=lambda it: {"VpcId": it.physical_id, "Attribute": name},
    )


def _association(answer: Any, it: Deployed) -> Any:
    associations = answer["RouteTables"][0]["Associations"]
    return next((one for one in associations if one.get("SubnetId") == it.properties["SubnetId"]), {})


def _route(answer: Any, it: Deployed) -> Any:
    routes = answer["RouteTables"][0]["Routes"]
    wanted = it.properties.get("DestinationCidrBlock")
    return next((one for one in routes if one.get("DestinationCidrBlock") == wanted), {})


def _group_rules(direction: str) -> Call:
    """Return the call that finds one security group rule among those of its group."""
    answered, peer = {
        "ingress": ("IpPermissions", "SourceSecurityGroupId"),
        "egress": ("IpPermissionsEgress", "DestinationSecurityGroupId"),
    }[direction]

    def select(answer: Any, it: Deployed) -> Any:
        group = answer["SecurityGroups"][0]
        told = words.peers(group[answered])
        asked = {key: value for key, value in it.properties.items() if key not in ("GroupId", "Tags")}
        for rule in ({**one, peer: one.get("SourceSecurityGroupId")} for one in told):
            if all(str(rule.get(key)) == str(value) for key, value in asked.items()):
                return rule
        return {}

    return Call(
        service="ec2",
        operation="describe_security_groups",
        parameters=lambda it: {"GroupIds": [it.properties["GroupId"]]},
        select=select,
    )


VPC = listing("ec2", "describe_vpcs", "VpcIds")
SUBNET = listing("ec2", "describe_subnets", "SubnetIds")
ENDPOINT = listing("ec2", "describe_vpc_endpoints", "VpcEndpointIds")
GROUP = listing("ec2", "describe_security_groups", "GroupIds")
INGRESS, EGRESS = _group_rules("ingress"), _group_rules("egress")
GROUP_RULE = ("Description", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6")
ROUTE = Call(
    service="ec2",
    operation="describe_route_tables",
    parameters=lambda it: {"RouteTableIds": [it.properties["RouteTableId"]]},
    select=_route,
)
ATTACHMENT = Call(
    service="ec2",
    operation="describe_internet_gateways",
    parameters=lambda it: {"InternetGatewayIds": [it.properties["InternetGatewayId"]]},
)
ADDRESS = Call(
    service="ec2",
    operation="describe_addresses",
    parameters=lambda it: {"PublicIps": [it.physical_id]},
    select=lambda answer, it: next((one for one in answer["Addresses"] if one["PublicIp"] == it.physical_id), {}),
)
NAT = listing("ec2", "describe_nat_gateways", "NatGatewayIds")
FLOW_LOG = listing("ec2", "describe_flow_logs", "FlowLogIds")

NETWORKS: dict[str, list[Row]] = {
    "AWS::EC2::EIP": rows(ADDRESS, "Domain", Tags=("Tags", *words.tags())),
    "AWS::EC2::FlowLog": rows(
        FLOW_LOG,
        **in_first(
            "FlowLogs",
            "DeliverLogsPermissionArn",
            "LogDestination",
            "LogDestinationType",
            "LogGroupName",
            "MaxAggregationInterval",
            "ResourceId",
            "TrafficType",
        ),
        Tags=("FlowLogs.0.Tags", *words.tags()),
    ),
    "AWS::EC2::InternetGateway": tagged(
        listing("ec2", "describe_internet_gateways", "InternetGatewayIds"), "InternetGateways.0.Tags"
    ),
    "AWS::EC2::NatGateway": rows(
        NAT,
        **in_first("NatGateways", "ConnectivityType", "SubnetId"),
        AllocationId="NatGateways.0.NatGatewayAddresses.0.AllocationId",
        Tags=("NatGateways.0.Tags", *words.tags()),
    ),
    "AWS::EC2::Route": [
        *rows(ROUTE, "DestinationCidrBlock", "GatewayId", "NatGatewayId"),
        *addressed(ROUTE, "RouteTableId"),
    ],
    "AWS::EC2::RouteTable": rows(
        listing("ec2", "describe_route_tables", "RouteTableIds"),
        Tags=("RouteTables.0.Tags", *words.tags()),
        VpcId="RouteTables.0.VpcId",
    ),
    "AWS::EC2::SecurityGroup": rows(
        GROUP,
        **in_first("SecurityGroups", "VpcId", "GroupName"),
        GroupDescription="SecurityGroups.0.Description",
        Tags=("SecurityGroups.0.Tags", *words.tags()),
    )
    + among(
        GROUP,
        SecurityGroupIngress=("SecurityGroups.0.IpPermissions", words.peers),
        SecurityGroupEgress=("SecurityGroups.0.IpPermissionsEgress", words.destinations),
    ),
    "AWS::EC2::SecurityGroupEgress": [
        *rows(EGRESS, *GROUP_RULE, "DestinationSecurityGroupId"),
        *addressed(EGRESS, "GroupId"),
    ],
    "AWS::EC2::SecurityGroupIngress": [
        *rows(INGRESS, *GROUP_RULE, "SourceSecurityGroupId"),
        *addressed(INGRESS, "GroupId"),
    ],
    "AWS::EC2::Subnet": rows(
        SUBNET,
        **in_first("Subnets", "AvailabilityZone", "CidrBlock", "MapPublicIpOnLaunch", "VpcId"),
        Tags=("Subnets.0.Tags", *words.tags()),
    ),
    "AWS::EC2::SubnetRouteTableAssociation": rows(
        Call(
            service="ec2",
            operation="describe_route_tables",
            parameters=lambda it: {"RouteTableIds": [it.properties["RouteTableId"]]},
            select=_association,
        ),
        "RouteTableId",
        "SubnetId",
    ),
    "AWS::EC2::VPC": [
        *rows(VPC, **in_first("Vpcs", "CidrBlock", "InstanceTenancy"), Tags=("Vpcs.0.Tags", *words.tags())),
        *rows(_vpc_attribute("enableDnsHostnames"), EnableDnsHostnames="EnableDnsHostnames.Value"),
        *rows(_vpc_attribute("enableDnsSupport"), EnableDnsSupport="EnableDnsSupport.Value"),
    ],
    "AWS::EC2::VPCEndpoint": rows(
        ENDPOINT,
        **in_first(
            "VpcEndpoints", "PrivateDnsEnabled", "RouteTableIds", "ServiceName", "SubnetIds", "VpcEndpointType", "VpcId"
        ),
        PolicyDocument=("VpcEndpoints.0.PolicyDocument", words.parsed),
        SecurityGroupIds=("VpcEndpoints.0.Groups", words.each("GroupId")),
        Tags=("VpcEndpoints.0.Tags", *words.tags()),
    ),
    "AWS::EC2::VPCGatewayAttachment": [
        *rows(ATTACHMENT, VpcId="InternetGateways.0.Attachments.0.VpcId"),
        *addressed(ATTACHMENT, "InternetGatewayId"),
    ],
}
