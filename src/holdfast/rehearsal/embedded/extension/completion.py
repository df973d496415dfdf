"""Properties that MiniStack's CloudFormation drops, applied through its service APIs once it has made the resource.

Each function gets the physical id, the properties before (empty at creation) and after, and makes the service agree
with the latter. What the service itself cannot hold shows in the read-back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, ec2
from ministack.services.cloudformation import provisioners

from holdfast.rehearsal.embedded.extension import backup_vaults, balancing, containers, databases, types
from holdfast.rehearsal.embedded.extension.service_clients import client

Properties = dict[str, Any]
Complete = Callable[[str, Properties, Properties], None]


def install() -> None:
    """Wrap the create and update of every type below."""
    for name, complete in COMPLETIONS.items():
        handler = provisioners._RESOURCE_HANDLERS[name]
        provisioners._RESOURCE_HANDLERS[name] = {**handler, **_completed(handler, complete)}
        types.ON_WORKER_THREAD.add(name)
    _refuse_to_delete_full_buckets()
    _delete_tables_whole()
    _give_vpc_its_cidr()
    _tell_whole_endpoints()
    _tell_gateway_addresses()
    _tell_whole_flow_logs()


def _completed(handler: dict[str, Any], complete: Complete) -> dict[str, Any]:
    create, update = handler["create"], handler["update"]
    takes_logical_id = handler.get("update_with_logical_id", False)

    def create_whole(logical_id: str, properties: Properties, stack: str) -> Any:
        physical_id, attributes = create(logical_id, properties, stack)
        complete(physical_id, {}, properties)
        return physical_id, attributes

    def update_whole(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Any:
        extra = (logical_id,) if takes_logical_id else ()
        updated_id, attributes = update(physical_id, old, new, stack, *extra)
        complete(updated_id, old, new)
        return updated_id, attributes

    return {"create": create_whole, "update": update_whole, "update_with_logical_id": True}


def _refuse_to_delete_full_buckets() -> None:
    """Delete buckets through S3, which refuses one with objects; MiniStack's CloudFormation drops them with it."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    forget = handler["delete"]

    def delete(name: str, properties: Properties) -> None:
        with suppress(client("s3").exceptions.NoSuchBucket):
            client("s3").delete_bucket(Bucket=name)
        forget(name, properties)

    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"] = {**handler, "delete": delete}


def _delete_tables_whole() -> None:
    """Delete tables through DynamoDB, which forgets their settings too and refuses a protected one."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]

    def delete(name: str, _properties: Properties) -> None:
        with suppress(client("dynamodb").exceptions.ResourceNotFoundException):
            client("dynamodb").delete_table(TableName=name)
        dynamodb._contributor_insights.pop(name, None)

    provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"] = {**handler, "delete": delete}


def _give_vpc_its_cidr() -> None:
    """Add the CidrBlock attribute, which every CDK interface endpoint refers to."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"]

    def with_cidr(make: Callable[..., Any], position: int) -> Callable[..., Any]:
        def made(*arguments: Any) -> Any:
            physical_id, attributes = make(*arguments)
            cidr = arguments[position].get("CidrBlock", "")
            return physical_id, {**attributes, "CidrBlock": cidr}

        return made

    completed = {"create": with_cidr(handler["create"], 1), "update": with_cidr(handler["update"], 2)}
    provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"] = {**handler, **completed}


def _tell_whole_endpoints() -> None:
    """Let DescribeVpcEndpoints tell the policy, the security groups and private DNS, as MiniStack does not."""
    fields = ec2._vpce_fields_xml

    def whole(endpoint: dict[str, Any], tag: str = "item") -> str:
        policy = endpoint.get("PolicyDocument")
        policy = policy if isinstance(policy, str) else json.dumps(policy) if policy else ""
        groups = "".join(f"<item><groupId>{one}</groupId></item>" for one in endpoint.get("SecurityGroupIds", []))
        private = str(bool(endpoint.get("PrivateDnsEnabled"))).lower()
        told = f"<groupSet>{groups}</groupSet><privateDnsEnabled>{private}</privateDnsEnabled>"
        told += f"<policyDocument>{escape(policy)}</policyDocument>" if policy else ""
        xml: str = fields(endpoint, tag)
        return xml[: xml.rindex("</")] + told + f"</{tag}>"

    ec2._vpce_fields_xml = whole


def _bucket(name: str, old: Properties, new: Properties) -> None:
    s3 = client("s3")
    for field, put, delete in BUCKET_SETTINGS:
        if field in new:
            put(s3, name, new[field])
        elif field in old:
            delete(s3, name)
    if new.get("ObjectLockEnabled") and "ObjectLockConfiguration" not in new:
        s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    for tiering in new.get("IntelligentTieringConfigurations", []):
        s3.put_bucket_intelligent_tiering_configuration(
            Bucket=name, Id=tiering["Id"], IntelligentTieringConfiguration=_tiering(tiering)
        )


def _encryption(s3: Any, name: str, given: Properties) -> None:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        }
        for rule in given["ServerSideEncryptionConfiguration"]
    ]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})


def _lifecycle(s3: Any, name: str, given: Properties) -> None:
    rules = [_lifecycle_rule(rule) for rule in given["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})


def _lifecycle_rule(rule: Properties) -> Properties:
    made: Properties = {"Status": rule["Status"], "Filter": _lifecycle_filter(rule)}
    if "Id" in rule:
        made["ID"] = rule["Id"]
    expiration = {
        api: rule[field]
        for field, api in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if field in rule
    }
    if expiration:
        made["Expiration"] = expiration
    for field in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if field in rule:
            made[field] = rule[field]
    if "NoncurrentVersionExpirationInDays" in rule:
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    if "Transitions" in rule:
        made["Transitions"] = [
            _renamed(step, TransitionInDays="Days", TransitionDate="Date") for step in rule["Transitions"]
        ]
    if "NoncurrentVersionTransitions" in rule:
        steps = rule["NoncurrentVersionTransitions"]
        made["NoncurrentVersionTransitions"] = [_renamed(step, TransitionInDays="NoncurrentDays") for step in steps]
    return made


def _lifecycle_filter(rule: Properties) -> Properties:
    parts: Properties = {
        field: rule[field] for field in ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan") if field in rule
    }
    for size in ("ObjectSizeGreaterThan", "ObjectSizeLessThan"):
        if size in parts:
            parts[size] = int(parts[size])
    tags = rule.get("TagFilters", [])
    if len(parts) + len(tags) > 1:
        return {"And": {**parts, **({"Tags": tags} if tags else {})}}
    return parts or ({"Tag": tags[0]} if tags else {"Prefix": ""})


def _replication(s3: Any, name: str, given: Properties) -> None:
    rules = [_replication_rule(rule) for rule in given["Rules"]]
    configuration = {"Role": given["Role"], "Rules": rules}
    s3.put_bucket_replication(Bucket=name, ReplicationConfiguration=configuration)


def _replication_rule(rule: Properties) -> Properties:
    made = _renamed(rule, Id="ID")
    if "Filter" in rule:
        whole = rule["Filter"]
        made["Filter"] = _renamed(whole, TagFilter="Tag")
        if "And" in whole:
            made["Filter"]["And"] = _renamed(whole["And"], TagFilters="Tags")
    return made


def _tiering(given: Properties) -> Properties:
    tiers = [{"AccessTier": tier["AccessTier"], "Days": int(tier["Days"])} for tier in given["Tierings"]]
    made: Properties = {"Id": given["Id"], "Status": given["Status"], "Tierings": tiers}
    if "Prefix" in given:
        made["Filter"] = {"Prefix": given["Prefix"]}
    return made


def _logging(s3: Any, name: str, given: Properties) -> None:
    target = {"TargetBucket": given.get("DestinationBucketName", name), "TargetPrefix": given.get("LogFilePrefix", "")}
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={"LoggingEnabled": target})


def _accelerate(s3: Any, name: str, given: Properties) -> None:
    status = {"Status": given["AccelerationStatus"]}
    s3.put_bucket_accelerate_configuration(Bucket=name, AccelerateConfiguration=status)


def _ownership(s3: Any, name: str, given: Properties) -> None:
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": given["Rules"]})


def _object_lock(s3: Any, name: str, given: Properties) -> None:
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=given)


def _versioning(s3: Any, name: str, given: Properties) -> None:
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": given["Status"]})


def _bucket_tags(s3: Any, name: str, given: list[Properties]) -> None:
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": given})


def _keep(_s3: Any, _name: str) -> None:
    """Leave a setting that AWS does not let go of, or returns to its default by itself."""


# In the order AWS needs: versions before lock and replication.
BUCKET_SETTINGS: list[tuple[str, Callable[[Any, str, Any], None], Callable[[Any, str], None]]] = [
    ("VersioningConfiguration", _versioning, _keep),
    ("BucketEncryption", _encryption, lambda s3, name: s3.delete_bucket_encryption(Bucket=name)),
    ("OwnershipControls", _ownership, lambda s3, name: s3.delete_bucket_ownership_controls(Bucket=name)),
    ("ObjectLockConfiguration", _object_lock, _keep),
    ("LifecycleConfiguration", _lifecycle, lambda s3, name: s3.delete_bucket_lifecycle(Bucket=name)),
    ("ReplicationConfiguration", _replication, lambda s3, name: s3.delete_bucket_replication(Bucket=name)),
    ("LoggingConfiguration", _logging, lambda s3, name: s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={})),
    ("AccelerateConfiguration", _accelerate, _keep),
    ("Tags", _bucket_tags, lambda s3, name: s3.delete_bucket_tagging(Bucket=name)),
]


def _table(name: str, old: Properties, new: Properties) -> None:
    dynamodb = client("dynamodb")
    encryption = new.get("SSESpecification")
    if encryption and encryption != old.get("SSESpecification"):
        dynamodb.update_table(TableName=name, SSESpecification=_renamed(encryption, SSEEnabled="Enabled"))
    recovery = new.get("PointInTimeRecoverySpecification")
    if recovery != old.get("PointInTimeRecoverySpecification"):
        given = recovery or {"PointInTimeRecoveryEnabled": False}
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=given)
    expiry = new.get("TimeToLiveSpecification")
    if expiry != old.get("TimeToLiveSpecification"):
        given = expiry or {**old["TimeToLiveSpecification"], "Enabled": False}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=given)
    insights = new.get("ContributorInsightsSpecification")
    if insights and insights != old.get("ContributorInsightsSpecification"):
        action = "ENABLE" if insights["Enabled"] else "DISABLE"
        dynamodb.update_contributor_insights(TableName=name, ContributorInsightsAction=action)


TOPIC_ATTRIBUTES = ("KmsMasterKeyId", "SignatureVersion", "TracingConfig")


def _topic(arn: str, old: Properties, new: Properties) -> None:
    for name in TOPIC_ATTRIBUTES:
        if new.get(name) != old.get(name):
            value = str(new.get(name, ""))
            client("sns").set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)


def _function(name: str, old: Properties, new: Properties) -> None:
    lambdas = client("lambda")
    changed = {
        field: new[field]
        for field in ("VpcConfig", "DeadLetterConfig", "KMSKeyArn", "FileSystemConfigs")
        if field in new and new[field] != old.get(field)
    }
    if "VpcConfig" in changed:
        vpc = changed["VpcConfig"]
        changed["VpcConfig"] = {field: vpc[field] for field in ("SubnetIds", "SecurityGroupIds") if field in vpc}
    if "KmsKeyArn" in new:
        changed["KMSKeyArn"] = new["KmsKeyArn"]
    if changed:
        lambdas.update_function_configuration(FunctionName=name, **changed)
    if "ReservedConcurrentExecutions" in new:
        reserved = int(new["ReservedConcurrentExecutions"])
        lambdas.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    elif "ReservedConcurrentExecutions" in old:
        lambdas.delete_function_concurrency(FunctionName=name)


def _mapping(identifier: str, old: Properties, new: Properties) -> None:
    arn = f"arn:aws:lambda:{get_region()}:{get_account_id()}:event-source-mapping:{identifier}"
    before, after = ({tag["Key"]: tag["Value"] for tag in given.get("Tags", [])} for given in (old, new))
    if set(before) - set(after):
        client("lambda").untag_resource(Resource=arn, TagKeys=sorted(set(before) - set(after)))
    if after and after != before:
        client("lambda").tag_resource(Resource=arn, Tags=after)


NO_ADDRESS = re.compile(r"<natGatewayId>([^<]+)</natGatewayId>(.*?)<natGatewayAddressSet/>", re.DOTALL)


def _tell_gateway_addresses() -> None:
    """Let DescribeNatGateways tell each gateway's elastic address, as MiniStack does not."""
    describe = ec2._ACTION_MAP["DescribeNatGateways"]

    def whole(params: Any) -> Any:
        status, headers, body = describe(params)
        return status, headers, NO_ADDRESS.sub(_with_address, body.decode()).encode()

    ec2._ACTION_MAP["DescribeNatGateways"] = whole


FLOW_LOG = re.compile(r"<flowLogId>([^<]+)</flowLogId>")


def _tell_whole_flow_logs() -> None:
    """Let DescribeFlowLogs tell the role and the log group, as MiniStack does not."""
    create, describe = ec2._ACTION_MAP["CreateFlowLogs"], ec2._ACTION_MAP["DescribeFlowLogs"]

    def kept(params: Any) -> Any:
        status, headers, body = create(params)
        for identifier in re.findall(r"<item>(fl-[^<]+)</item>", body.decode()):
            ec2._flow_logs[identifier]["_role"] = ec2._p(params, "DeliverLogsPermissionArn")
            ec2._flow_logs[identifier]["_group"] = ec2._p(params, "LogGroupName")
        return status, headers, body

    def whole(params: Any) -> Any:
        status, headers, body = describe(params)
        return status, headers, FLOW_LOG.sub(_with_delivery, body.decode()).encode()

    ec2._ACTION_MAP.update(CreateFlowLogs=kept, DescribeFlowLogs=whole)


def _with_delivery(match: re.Match[str]) -> str:
    record = ec2._flow_logs[match[1]]
    fields = {"deliverLogsPermissionArn": record.get("_role"), "logGroupName": record.get("_group")}
    return match[0] + "".join(f"<{field}>{escape(value)}</{field}>" for field, value in fields.items() if value)


def _with_address(match: re.Match[str]) -> str:
    identifier, between = match.groups()
    allocation = ec2._nat_gateways[identifier]["AllocationId"]
    address = f"<item><allocationId>{allocation}</allocationId><isPrimary>true</isPrimary></item>" if allocation else ""
    told = f"<natGatewayAddressSet>{address}</natGatewayAddressSet>"
    return f"<natGatewayId>{identifier}</natGatewayId>{between}{told}"


def _renamed(given: Properties, **names: str) -> Properties:
    """Return a copy with some keys under the names the service API has for them."""
    return {names.get(key, key): value for key, value in given.items()}


COMPLETIONS: dict[str, Complete] = {
    "AWS::Backup::BackupVault": backup_vaults.complete_vault,
    "AWS::DynamoDB::Table": _table,
    "AWS::ECS::Service": containers.complete_service,
    "AWS::ECS::TaskDefinition": containers.complete_task,
    "AWS::ElasticLoadBalancingV2::TargetGroup": balancing.complete_targets,
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Lambda::Function": _function,
    "AWS::RDS::DBCluster": databases.complete_cluster,
    "AWS::RDS::DBInstance": databases.complete_instance,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _topic,
}
