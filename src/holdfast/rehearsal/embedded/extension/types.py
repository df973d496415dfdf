"""Resource types that MiniStack's CloudFormation refuses, created through its own service APIs.

Those of one topic have a module of their own; this one holds the rest and registers all. They
call MiniStack over its socket, so they must run on a worker thread: on its event loop they would wait for themselves.
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners, stacks

from holdfast.rehearsal.embedded.extension import backup_vaults, credentials, databases, migration, scaling
from holdfast.rehearsal.embedded.extension.resource_type import Created, Properties, ResourceType, tags_of
from holdfast.rehearsal.embedded.extension.service_clients import client


def install() -> None:
    """Register every type, and run them on worker threads."""
    for name, resource_type in TYPES.items():
        provisioners._RESOURCE_HANDLERS[name] = _handler(resource_type)
    runs_on_worker = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in ON_WORKER_THREAD or runs_on_worker(name)


def creatable() -> list[str]:
    """List the types that a template may use, MiniStack's and ours."""
    return sorted(provisioners._RESOURCE_HANDLERS)


def attributes(stack: str, region: str, account: str) -> dict[str, dict[str, Any]]:
    """Return the attributes of every resource of a stack."""
    record = cloudformation._stacks.get_scoped(account, region, stack) or {}
    return {name: dict(one.get("Attributes", {})) for name, one in record.get("_resources", {}).items()}


def _handler(resource_type: ResourceType) -> dict[str, Any]:
    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
        if resource_type.update:
            return resource_type.update(physical_id, old, new)
        resource_type.delete(physical_id, old)
        return resource_type.create(f"{stack}-{logical_id}", new)

    return {
        "create": lambda logical_id, properties, stack: resource_type.create(f"{stack}-{logical_id}", properties),
        "update": update,
        "update_with_logical_id": True,
        "delete": resource_type.delete,
    }


def _rule(properties: Properties, *, egress: bool) -> dict[str, Any]:
    """Return one security group rule as EC2's IpPermission."""
    permission: dict[str, Any] = {"IpProtocol": str(properties["IpProtocol"])}
    for port in ("FromPort", "ToPort"):
        if port in properties:
            permission[port] = int(properties[port])
    described = {"Description": properties["Description"]} if "Description" in properties else {}
    peer = properties.get("DestinationSecurityGroupId" if egress else "SourceSecurityGroupId")
    if peer:
        permission["UserIdGroupPairs"] = [{"GroupId": peer, **described}]
    elif "CidrIpv6" in properties:
        permission["Ipv6Ranges"] = [{"CidrIpv6": properties["CidrIpv6"], **described}]
    elif "CidrIp" in properties:
        permission["IpRanges"] = [{"CidrIp": properties["CidrIp"], **described}]
    else:
        permission["PrefixListIds"] = [
            {"PrefixListId": properties["DestinationPrefixListId" if egress else "SourcePrefixListId"], **described}
        ]
    return permission


def _create_ingress(name: str, properties: Properties) -> Created:
    rule = [_rule(properties, egress=False)]
    client("ec2").authorize_security_group_ingress(GroupId=properties["GroupId"], IpPermissions=rule)
    return f"{name}-ingress", {}


def _delete_ingress(_id: str, properties: Properties) -> None:
    rule = [_rule(properties, egress=False)]
    client("ec2").revoke_security_group_ingress(GroupId=properties["GroupId"], IpPermissions=rule)


def _create_egress(name: str, properties: Properties) -> Created:
    rule = [_rule(properties, egress=True)]
    client("ec2").authorize_security_group_egress(GroupId=properties["GroupId"], IpPermissions=rule)
    return f"{name}-egress", {}


def _delete_egress(_id: str, properties: Properties) -> None:
    rule = [_rule(properties, egress=True)]
    client("ec2").revoke_security_group_egress(GroupId=properties["GroupId"], IpPermissions=rule)


FLOW_LOG_FIELDS = (
    "DeliverLogsPermissionArn",
    "LogDestination",
    "LogDestinationType",
    "LogFormat",
    "LogGroupName",
    "MaxAggregationInterval",
    "ResourceType",
    "TrafficType",
)


def _create_flow_log(_name: str, properties: Properties) -> Created:
    given = {field: properties[field] for field in FLOW_LOG_FIELDS if field in properties}
    answer = client("ec2").create_flow_logs(ResourceIds=[properties["ResourceId"]], **given)
    if answer.get("Unsuccessful"):
        raise ValueError(answer["Unsuccessful"][0]["Error"]["Message"])
    flow_log: str = answer["FlowLogIds"][0]
    _retag(flow_log, {}, properties)
    return flow_log, {"Id": flow_log}


def _update_flow_log(identifier: str, old: Properties, new: Properties) -> Created:
    if _same_but_tags(old, new):
        _retag(identifier, old, new)
        return identifier, {"Id": identifier}
    _delete_flow_log(identifier, old)
    return _create_flow_log("", new)


def _delete_flow_log(physical_id: str, _properties: Properties) -> None:
    client("ec2").delete_flow_logs(FlowLogIds=[physical_id])


TRAIL_FIELDS = {
    "S3BucketName": "S3BucketName",
    "S3KeyPrefix": "S3KeyPrefix",
    "SnsTopicName": "SnsTopicName",
    "IncludeGlobalServiceEvents": "IncludeGlobalServiceEvents",
    "IsMultiRegionTrail": "IsMultiRegionTrail",
    "EnableLogFileValidation": "EnableLogFileValidation",
    "CloudWatchLogsLogGroupArn": "CloudWatchLogsLogGroupArn",
    "CloudWatchLogsRoleArn": "CloudWatchLogsRoleArn",
    "KMSKeyId": "KmsKeyId",
}


def _trail_arn(name: str) -> str:
    return f"arn:aws:cloudtrail:{get_region()}:{get_account_id()}:trail/{name}"


def _trail_settings(name: str, properties: Properties) -> Created:
    """Apply the selectors and the logging switch, which have calls of their own."""
    trails = client("cloudtrail")
    selectors = {
        field: properties[field] for field in ("EventSelectors", "AdvancedEventSelectors") if field in properties
    }
    if selectors:
        trails.put_event_selectors(TrailName=name, **selectors)
    if "Tags" in properties:
        trails.add_tags(ResourceId=_trail_arn(name), TagsList=properties["Tags"])
    (trails.start_logging if properties.get("IsLogging") else trails.stop_logging)(Name=name)
    return name, {"Arn": _trail_arn(name), "SnsTopicArn": properties.get("SnsTopicName", "")}


def _create_trail(name: str, properties: Properties) -> Created:
    name = properties.get("TrailName", name)
    given = {api: properties[field] for field, api in TRAIL_FIELDS.items() if field in properties}
    client("cloudtrail").create_trail(Name=name, **given)
    return _trail_settings(name, properties)


def _update_trail(name: str, _old: Properties, properties: Properties) -> Created:
    given = {api: properties[field] for field, api in TRAIL_FIELDS.items() if field in properties}
    client("cloudtrail").update_trail(Name=name, **given)
    return _trail_settings(name, properties)


def _delete_trail(name: str, properties: Properties) -> None:
    if "Tags" in properties:
        client("cloudtrail").remove_tags(ResourceId=_trail_arn(name), TagsList=properties["Tags"])
    client("cloudtrail").delete_trail(Name=name)


def _create_composite_alarm(name: str, properties: Properties) -> Created:
    name = properties.get("AlarmName", name)
    given = {field: value for field, value in properties.items() if field != "AlarmName"}
    client("cloudwatch").put_composite_alarm(AlarmName=name, **given)
    return name, {"Arn": f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"}


def _update_composite_alarm(name: str, _old: Properties, properties: Properties) -> Created:
    return _create_composite_alarm(name, {**properties, "AlarmName": name})


def _delete_alarm(name: str, _properties: Properties) -> None:
    client("cloudwatch").delete_alarms(AlarmNames=[name])


def _create_address(_name: str, properties: Properties) -> Created:
    address = client("ec2").allocate_address(Domain="vpc")
    _retag(address["AllocationId"], {}, properties)
    return address["PublicIp"], {"AllocationId": address["AllocationId"], "PublicIp": address["PublicIp"]}


def _update_address(public_ip: str, old: Properties, new: Properties) -> Created:
    allocation = _allocation_of(public_ip)
    _retag(allocation, old, new)
    return public_ip, {"AllocationId": allocation, "PublicIp": public_ip}


def _allocation_of(public_ip: str) -> str:
    """Return the id behind an address; MiniStack heeds no filter by address."""
    listed = client("ec2").describe_addresses()["Addresses"]
    return next(str(one["AllocationId"]) for one in listed if one["PublicIp"] == public_ip)


def _retag(identifier: str, old: Properties, new: Properties) -> None:
    """Give an EC2 resource the tags of its template; others' tags stay."""
    before, after = tags_of(old), tags_of(new)
    if gone := [{"Key": key} for key in before if key not in after]:
        client("ec2").delete_tags(Resources=[identifier], Tags=gone)
    if after:
        tags = [{"Key": key, "Value": value} for key, value in after.items()]
        client("ec2").create_tags(Resources=[identifier], Tags=tags)


def _same_but_tags(old: Properties, new: Properties) -> bool:
    return {**old, "Tags": None} == {**new, "Tags": None}


def _delete_address(public_ip: str, _properties: Properties) -> None:
    client("ec2").release_address(AllocationId=_allocation_of(public_ip))


def _create_nat_gateway(_name: str, properties: Properties) -> Created:
    fields = {field: properties[field] for field in ("AllocationId", "ConnectivityType") if field in properties}
    gateway = client("ec2").create_nat_gateway(SubnetId=properties["SubnetId"], **fields)["NatGateway"]
    _retag(gateway["NatGatewayId"], {}, properties)
    return gateway["NatGatewayId"], {"NatGatewayId": gateway["NatGatewayId"]}


def _update_nat_gateway(identifier: str, old: Properties, new: Properties) -> Created:
    if _same_but_tags(old, new):
        _retag(identifier, old, new)
        return identifier, {"NatGatewayId": identifier}
    _delete_nat_gateway(identifier, old)
    return _create_nat_gateway("", new)


def _delete_nat_gateway(physical_id: str, properties: Properties) -> None:
    _retag(physical_id, properties, {})
    client("ec2").delete_nat_gateway(NatGatewayId=physical_id)


TYPES = {
    **backup_vaults.TYPES,
    **credentials.TYPES,
    **databases.TYPES,
    **migration.TYPES,
    **scaling.TYPES,
    "AWS::CloudTrail::Trail": ResourceType(create=_create_trail, update=_update_trail, delete=_delete_trail),
    "AWS::CloudWatch::CompositeAlarm": ResourceType(
        create=_create_composite_alarm, update=_update_composite_alarm, delete=_delete_alarm
    ),
    "AWS::EC2::EIP": ResourceType(create=_create_address, update=_update_address, delete=_delete_address),
    "AWS::EC2::FlowLog": ResourceType(create=_create_flow_log, update=_update_flow_log, delete=_delete_flow_log),
    "AWS::EC2::NatGateway": ResourceType(
        create=_create_nat_gateway, update=_update_nat_gateway, delete=_delete_nat_gateway
    ),
    "AWS::EC2::SecurityGroupEgress": ResourceType(create=_create_egress, delete=_delete_egress),
    "AWS::EC2::SecurityGroupIngress": ResourceType(create=_create_ingress, delete=_delete_ingress),
}
ON_WORKER_THREAD = set(TYPES)  # completion adds the types it calls MiniStack for
