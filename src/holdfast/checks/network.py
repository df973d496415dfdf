"""Reads the network: where a subnet's traffic can go, which zone it is in, who may open a connection to whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.system import System
from holdfast.checks.policies import Verdict
from holdfast.checks.values import Undecided, Value, as_bool, as_list, as_number, as_text, is_undecided

ANYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Exit:
    """Where the default route of a subnet leads."""

    kind: str
    """`internet`, `nat`, `other` (a transit gateway, a peering), `none` or `unknown`."""
    resource: Resource | None = None


@dataclass(frozen=True)
class SecurityRule:
    """One rule of a security group, inline or a resource of its own; ports are None for all."""

    holder: Resource
    path: str
    protocol: str
    first_port: float | None
    last_port: float | None
    cidr: Value
    peer: Value
    undecided: str = ""

    def covers(self, port: int) -> bool:
        """Tell whether the rule speaks of a TCP port."""
        if self.protocol in ("-1", "all"):
            return True
        if self.protocol not in ("tcp", "6"):
            return False
        return self.first_port is None or self.last_port is None or self.first_port <= port <= self.last_port

    @property
    def open_to_world(self) -> bool:
        """True when the other side is any address."""
        return isinstance(self.cidr, str) and self.cidr in ANYWHERE


def subnets(system: System, values: Value) -> tuple[list[Resource], list[Value]]:
    """Return the subnets of the system that a list names, and the values that name none of them."""
    found, unknown = [], []
    for value in as_list(values):
        subnet = system.find(value, "AWS::EC2::Subnet")
        if subnet is None:
            unknown.append(value)
        elif subnet not in found:
            found.append(subnet)
    return found, unknown


def vpc_of(subnet_or_group: Resource) -> Resource | None:
    """Return the VPC of a subnet, a security group or an endpoint, if the system declares it."""
    return subnet_or_group.system.find(subnet_or_group.get("VpcId"), "AWS::EC2::VPC")


def zone_of(subnet: Resource) -> Value:
    """Return the zone a subnet lies in: a name, or a `Pseudo` for the n-th of the region; equal values, equal zones."""
    zone = subnet.get("AvailabilityZone", subnet.get("AvailabilityZoneId"))
    return Undecided("AWS chooses the zone") if zone is None else zone


def zones_of(found: Iterable[Resource]) -> int | Undecided:
    """Return how many different zones subnets lie in; undecided when a zone cannot be told from another."""
    zones = [zone_of(subnet) for subnet in found]
    unknown = next((zone for zone in zones if is_undecided(zone)), None)
    known = {str(zone) for zone in zones if not is_undecided(zone)}
    if unknown is not None:
        return Undecided(str(unknown) if not isinstance(unknown, Undecided) else unknown.reason)
    return len(known)


def exit_of(subnet: Resource) -> Exit:
    """Return where a subnet's default route leads; `unknown` when its route table is not in the system."""
    tables = list(_route_tables(subnet))
    if not tables:
        vpc = vpc_of(subnet)
        return Exit("none" if vpc is not None else "unknown")
    for table in tables:
        for route, path, _ in table.referrers:
            if route.type == "AWS::EC2::Route" and path == ("RouteTableId",) and _is_default(route):
                return _exit(route)
    return Exit("none")


def _route_tables(subnet: Resource) -> Iterator[Resource]:
    for association, path, _ in subnet.referrers:
        if association.type == "AWS::EC2::SubnetRouteTableAssociation" and path == ("SubnetId",):
            table = subnet.system.find(association.get("RouteTableId"), "AWS::EC2::RouteTable")
            if table is not None:
                yield table


def _is_default(route: Resource) -> bool:
    return bool(route.get("DestinationCidrBlock") == "0.0.0.0/0")


def _exit(route: Resource) -> Exit:
    system = route.system
    if route.get("NatGatewayId") is not None:
        return Exit("nat", system.find(route.get("NatGatewayId"), "AWS::EC2::NatGateway"))
    if route.get("GatewayId") is not None:
        return Exit("internet", system.find(route.get("GatewayId"), "AWS::EC2::InternetGateway"))
    return Exit("other")


def endpoints(vpc: Resource) -> dict[str, Resource]:
    """Return the endpoints of a VPC by the short name of their service (`s3`, `ecr.api`, `secretsmanager`)."""
    found: dict[str, Resource] = {}
    for endpoint, path, _ in vpc.referrers:
        if endpoint.type == "AWS::EC2::VPCEndpoint" and path == ("VpcId",):
            found[endpoint_service(endpoint)] = endpoint
    return found


def endpoint_service(endpoint: Resource) -> str:
    """Return `s3` for `com.amazonaws.${AWS::Region}.s3`; a pseudo region counts as one name."""
    text = as_text(endpoint.get("ServiceName")) or ""
    text = text.replace("${AWS::Region}", "region")
    parts = text.split(".")
    return ".".join(parts[3:]) if len(parts) > 3 and "amazonaws" in parts else text


def is_gateway(endpoint: Resource) -> bool:
    """Tell a gateway endpoint from an interface endpoint."""
    return bool(endpoint.get("VpcEndpointType", "Gateway") == "Gateway")


def endpoint_reaches(endpoint: Resource, subnet: Resource) -> bool | Undecided:
    """Tell whether an endpoint serves a subnet: a gateway through its route tables, an interface by private DNS."""
    if is_gateway(endpoint):
        tables = [endpoint.system.find(value) for value in as_list(endpoint.get("RouteTableIds"))]
        if None in tables or not tables:
            return Undecided("its route tables are not in the templates") if tables else False
        return any(table in tables for table in _route_tables(subnet))
    return as_bool(endpoint.get("PrivateDnsEnabled"))


def ingress(group: Resource) -> list[SecurityRule]:
    """Return every rule that lets connections in, wherever it is written."""
    return [
        *_inline(group, "SecurityGroupIngress", "SourceSecurityGroupId"),
        *_separate(group, "AWS::EC2::SecurityGroupIngress", "SourceSecurityGroupId"),
    ]


def egress(group: Resource) -> list[SecurityRule] | None:
    """Return every rule that lets connections out; None when the template writes none, which allows all."""
    rules = [
        *_inline(group, "SecurityGroupEgress", "DestinationSecurityGroupId"),
        *_separate(group, "AWS::EC2::SecurityGroupEgress", "DestinationSecurityGroupId"),
    ]
    return rules or (None if group.get("SecurityGroupEgress") is None else [])


def _inline(group: Resource, prop: str, peer: str) -> Iterator[SecurityRule]:
    for index, rule in enumerate(as_list(group.get(prop))):
        if isinstance(rule, dict):
            path = f"{prop}.{index}" if isinstance(group.get(prop), list) else prop
            yield _rule(group, path, rule, peer)
        elif isinstance(rule, Undecided):
            yield SecurityRule(group, prop, "-1", None, None, None, None, rule.reason)


def _separate(group: Resource, kind: str, peer: str) -> Iterator[SecurityRule]:
    for other, path, _ in group.referrers:
        if other.type == kind and path == ("GroupId",):
            yield _rule(other, "", other.properties, peer)


def _rule(holder: Resource, path: str, rule: dict[str, Value], peer: str) -> SecurityRule:
    first, last = as_number(rule.get("FromPort")), as_number(rule.get("ToPort"))
    unknown = next((port.reason for port in (first, last) if isinstance(port, Undecided)), "")
    return SecurityRule(
        holder=holder,
        path=path,
        protocol=(as_text(rule.get("IpProtocol")) or "-1").lower(),
        first_port=None if isinstance(first, Undecided) or first == -1 else first,
        last_port=None if isinstance(last, Undecided) or last == -1 else last,
        cidr=rule.get("CidrIp", rule.get("CidrIpv6")),
        peer=rule.get(peer),
        undecided=unknown,
    )


def groups(system: System, values: Value) -> tuple[list[Resource], list[Value]]:
    """Return the security groups that a list names, and the values that name none of the system's."""
    found, unknown = [], []
    for value in as_list(values):
        group = system.find(value, "AWS::EC2::SecurityGroup")
        if group is None:
            unknown.append(value)
        else:
            found.append(group)
    return found, unknown


def lets_in(target: Resource, source: Resource, port: int) -> Verdict:
    """Tell whether a security group admits another on a TCP port, by reference or by an address range.

    A range is taken to hold the source's addresses: whether it does is not in a template's words.
    """
    verdict: Verdict = False
    for rule in ingress(target):
        if not rule.covers(port):
            continue
        if rule.peer is not None:
            peer = target.system.find(rule.peer, "AWS::EC2::SecurityGroup")
            if peer is source:
                return True
            if peer is None and is_undecided(rule.peer):
                verdict = Undecided("the peer of a rule is a parameter")
        elif rule.cidr is not None:
            return True
        elif rule.undecided:
            verdict = Undecided(rule.undecided)
    return verdict


def network_of(function: Resource) -> tuple[list[Resource], list[Value]]:
    """Return the subnets a Lambda function runs in, and subnet values outside the system; both empty outside a VPC."""
    return subnets(function.system, function.get("VpcConfig.SubnetIds"))
