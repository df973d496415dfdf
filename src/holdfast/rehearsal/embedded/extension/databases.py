"""What MiniStack's CloudFormation drops of Aurora clusters and instances, and the RDS types it refuses.

Clusters and instances are records: no database runs. What a template says of them is kept in the record and told by
DescribeDBClusters and DescribeDBInstances; one under deletion protection cannot be deleted, as in AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, get_region
from ministack.services import rds
from ministack.services.cloudformation import provisioners

from holdfast.rehearsal.embedded.extension.resource_type import (
    Created,
    Properties,
    ResourceType,
    chosen,
    tags_of,
    whole,
)
from holdfast.rehearsal.embedded.extension.service_clients import client

# Template property to the element of the service's answer, where MiniStack's own answer has none.
CLUSTER_EXTRAS = {
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "BacktrackWindow": "BacktrackWindow",
    "DatabaseInsightsMode": "DatabaseInsightsMode",
    "DBClusterInstanceClass": "DBClusterInstanceClass",
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
    "PerformanceInsightsEnabled": "PerformanceInsightsEnabled",
    "PerformanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "PubliclyAccessible": "PubliclyAccessible",
    "StorageType": "StorageType",
}
INSTANCE_EXTRAS = {
    "DatabaseInsightsMode": "DatabaseInsightsMode",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
}
LOGS = "EnableCloudwatchLogsExports"


def install() -> None:
    """Let the service tell what the records hold, and refuse to delete what is protected."""
    rds._cluster_xml = _telling(rds._cluster_xml, CLUSTER_EXTRAS)
    rds._instance_xml = _telling(rds._instance_xml, INSTANCE_EXTRAS)
    rds._ACTION_MAP.update(SUBSCRIPTION_OPERATIONS)
    for name, records in (("AWS::RDS::DBCluster", rds._clusters), ("AWS::RDS::DBInstance", rds._instances)):
        handler = provisioners._RESOURCE_HANDLERS[name]
        provisioners._RESOURCE_HANDLERS[name] = {**handler, "delete": _protecting(handler["delete"], records)}


def complete_cluster(identifier: str, _old: Properties, new: Properties) -> None:
    """Put into a cluster's record what its template says beyond what MiniStack took."""
    record = rds._clusters[identifier]
    record.update(
        DBClusterParameterGroup=new.get("DBClusterParameterGroupName", record.get("DBClusterParameterGroup", "")),
        KmsKeyId=_key_arn(new.get("KmsKeyId", "")),
        StorageEncrypted=whole(new.get("StorageEncrypted", False)),
        AvailabilityZones=new.get("AvailabilityZones", record["AvailabilityZones"]),
    )
    _keep(record, CLUSTER_EXTRAS, new)
    record["_roles"] = new.get("AssociatedRoles", [])
    rds._tags[record["DBClusterArn"]] = record["TagList"]


def complete_instance(identifier: str, _old: Properties, new: Properties) -> None:
    """Put into an instance's record what its template says, and what it has from its cluster."""
    record = rds._instances[identifier]
    cluster = rds._clusters.get(new.get("DBClusterIdentifier", ""))
    if cluster is not None:
        record.update({field: cluster[field] for field in ("KmsKeyId", "StorageEncrypted", "VpcSecurityGroups")})
        record["EngineVersion"] = new.get("EngineVersion") or cluster["EngineVersion"]
        writer, *readers = cluster["DBClusterMembers"]
        for member, is_writer in ((writer, True), *((reader, False) for reader in readers)):
            member["IsClusterWriter"] = is_writer
    elif "KmsKeyId" in new:
        record["KmsKeyId"] = _key_arn(new["KmsKeyId"])
    record["PerformanceInsightsRetentionPeriod"] = int(new.get("PerformanceInsightsRetentionPeriod", 7))
    _keep(record, INSTANCE_EXTRAS, new)
    rds._tags[record["DBInstanceArn"]] = record["TagList"]


def _keep(record: dict[str, Any], extras: Iterable[str], new: Properties) -> None:
    record["_extras"] = chosen(new, extras)
    record["_logs"] = new.get(LOGS, [])
    record["TagList"] = [{"Key": key, "Value": value} for key, value in tags_of(new).items()]


def _key_arn(key: str) -> str:
    """Return the ARN of a key that may be named by id: RDS always tells the ARN."""
    return key if not key or key.startswith("arn:") else f"arn:aws:kms:{get_region()}:{get_account_id()}:key/{key}"


def _telling(fields: Callable[[dict[str, Any]], str], extras: Mapping[str, str]) -> Callable[[dict[str, Any]], str]:
    def told(record: dict[str, Any]) -> str:
        xml = fields(record).replace("<EnabledCloudwatchLogsExports/>", "")
        given: Properties = record.get("_extras", {})
        xml += "".join(f"<{extras[name]}>{_text(value)}</{extras[name]}>" for name, value in given.items())
        logs = "".join(f"<member>{escape(log)}</member>" for log in record.get("_logs", []))
        roles = "".join(
            f"<DBClusterRole><RoleArn>{escape(role['RoleArn'])}</RoleArn>"
            f"<FeatureName>{escape(role.get('FeatureName', ''))}</FeatureName><Status>ACTIVE</Status></DBClusterRole>"
            for role in record.get("_roles", [])
        )
        xml = xml.replace("<AssociatedRoles/>", f"<AssociatedRoles>{roles}</AssociatedRoles>")
        return f"{xml}<EnabledCloudwatchLogsExports>{logs}</EnabledCloudwatchLogsExports>"

    return told


def _text(value: Any) -> str:
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


def _protecting(delete: Callable[[str, Properties], None], records: Any) -> Callable[[str, Properties], None]:
    def guarded(physical_id: str, properties: Properties) -> None:
        record = records.get(physical_id)
        if record is not None and record.get("DeletionProtection"):
            raise ValueError(f"Cannot delete protected {physical_id}, please disable deletion protection.")
        delete(physical_id, properties)
        if record is not None:
            rds._tags.pop(record.get("DBClusterArn") or record["DBInstanceArn"], None)

    return guarded


# --- event subscriptions: MiniStack's RDS has no operation for them ---

_subscriptions: dict[tuple[str, str], dict[str, Any]] = {}


def _listed(params: Mapping[str, Any], prefix: str) -> list[str]:
    """Return a list parameter, however its members are called."""
    found = sorted(
        (int(name.rpartition(".")[2]), name)
        for name in params
        if name.startswith(f"{prefix}.") and name.rpartition(".")[2].isdigit()
    )
    return [rds._p(params, name) for _, name in found]


def _put_subscription(params: Mapping[str, Any]) -> Any:
    name = rds._p(params, "SubscriptionName")
    record = _subscriptions.setdefault((get_region(), name), {"Enabled": "true"})
    for field in ("SnsTopicArn", "SourceType", "Enabled"):
        if rds._p(params, field):
            record[field] = rds._p(params, field)
    for field in ("EventCategories", "SourceIds"):
        record[field] = _listed(params, field) or record.get(field, [])
    return _subscription_answer(rds._p(params, "Action"), name, record)


def _subscription_answer(action: str, name: str, record: Mapping[str, Any]) -> Any:
    inner = f"<EventSubscription>{_subscription_fields(name, record)}</EventSubscription>"
    return rds._xml(200, f"{action}Response", f"<{action}Result>{inner}</{action}Result>")


def _subscription_fields(name: str, record: Mapping[str, Any]) -> str:
    categories = "".join(f"<EventCategory>{escape(one)}</EventCategory>" for one in record["EventCategories"])
    sources = "".join(f"<SourceId>{escape(one)}</SourceId>" for one in record["SourceIds"])
    arn = f"arn:aws:rds:{get_region()}:{get_account_id()}:es:{name}"
    return (
        f"<CustSubscriptionId>{escape(name)}</CustSubscriptionId><EventSubscriptionArn>{arn}</EventSubscriptionArn>"
        f"<SnsTopicArn>{escape(record['SnsTopicArn'])}</SnsTopicArn><Status>active</Status>"
        f"<SourceType>{escape(record.get('SourceType', ''))}</SourceType><Enabled>{record['Enabled']}</Enabled>"
        f"<EventCategoriesList>{categories}</EventCategoriesList><SourceIdsList>{sources}</SourceIdsList>"
    )


def _describe_subscriptions(params: Mapping[str, Any]) -> Any:
    wanted = rds._p(params, "SubscriptionName")
    here = {name: one for (region, name), one in _subscriptions.items() if region == get_region()}
    if wanted and wanted not in here:
        return rds._error("SubscriptionNotFound", f"event subscription {wanted} does not exist", 404)
    told = "".join(
        f"<EventSubscription>{_subscription_fields(name, one)}</EventSubscription>"
        for name, one in here.items()
        if not wanted or name == wanted
    )
    inner = f"<EventSubscriptionsList>{told}</EventSubscriptionsList>"
    action = "DescribeEventSubscriptions"
    return rds._xml(200, f"{action}Response", f"<{action}Result>{inner}</{action}Result>")


def _delete_subscription_operation(params: Mapping[str, Any]) -> Any:
    name = rds._p(params, "SubscriptionName")
    record = _subscriptions.pop((get_region(), name), None)
    if record is None:
        return rds._error("SubscriptionNotFound", f"event subscription {name} does not exist", 404)
    return _subscription_answer("DeleteEventSubscription", name, record)


SUBSCRIPTION_OPERATIONS = {
    "CreateEventSubscription": _put_subscription,
    "ModifyEventSubscription": _put_subscription,
    "DeleteEventSubscription": _delete_subscription_operation,
    "DescribeEventSubscriptions": _describe_subscriptions,
}


def _create_subscription(name: str, properties: Properties) -> Created:
    name = properties.get("SubscriptionName", name.lower())
    given = chosen(properties, ("SnsTopicArn", "SourceType", "EventCategories", "SourceIds"))
    enabled = whole(properties.get("Enabled", True))
    client("rds").create_event_subscription(SubscriptionName=name, Enabled=enabled, **given)
    arn = f"arn:aws:rds:{get_region()}:{get_account_id()}:es:{name}"
    rds._tags[arn] = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
    return name, {}


def _update_subscription(name: str, _old: Properties, new: Properties) -> Created:
    return _create_subscription(name, {**new, "SubscriptionName": name})


def _delete_subscription(name: str, _properties: Properties) -> None:
    rds._tags.pop(f"arn:aws:rds:{get_region()}:{get_account_id()}:es:{name}", None)
    client("rds").delete_event_subscription(SubscriptionName=name)


# --- proxies ---

PROXY_FIELDS = ("DBProxyName", "EngineFamily", "Auth", "RoleArn", "VpcSubnetIds", "VpcSecurityGroupIds")
PROXY_CHANGES = ("Auth", "RoleArn")


def _proxy_options(properties: Properties) -> Properties:
    options: Properties = whole(chosen(properties, ("RequireTLS", "IdleClientTimeout", "DebugLogging")))
    return options


def _create_proxy(_name: str, properties: Properties) -> Created:
    tags = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
    proxy = client("rds").create_db_proxy(
        **chosen(properties, PROXY_FIELDS), **_proxy_options(properties), **({"Tags": tags} if tags else {})
    )["DBProxy"]
    return _proxy(proxy)


def _proxy(proxy: Mapping[str, Any]) -> Created:
    return proxy["DBProxyName"], {
        "DBProxyArn": proxy["DBProxyArn"],
        "Endpoint": proxy["Endpoint"],
        "VpcId": proxy.get("VpcId", ""),
    }


def _update_proxy(name: str, _old: Properties, new: Properties) -> Created:
    groups = {"SecurityGroups": new["VpcSecurityGroupIds"]} if "VpcSecurityGroupIds" in new else {}
    given = {**chosen(new, PROXY_CHANGES), **_proxy_options(new), **groups}
    return _proxy(client("rds").modify_db_proxy(DBProxyName=name, **given)["DBProxy"])


def _delete_proxy(name: str, _properties: Properties) -> None:
    client("rds").delete_db_proxy(DBProxyName=name)


TARGETS = ("DBInstanceIdentifiers", "DBClusterIdentifiers")


def _create_target_group(_name: str, properties: Properties) -> Created:
    named = {"DBProxyName": properties["DBProxyName"], "TargetGroupName": properties["TargetGroupName"]}
    pool = properties.get("ConnectionPoolConfigurationInfo")
    if pool:
        client("rds").modify_db_proxy_target_group(**named, ConnectionPoolConfig=whole(pool))
    if any(properties.get(field) for field in TARGETS):
        client("rds").register_db_proxy_targets(**named, **chosen(properties, TARGETS))
    group = client("rds").describe_db_proxy_target_groups(**named)["TargetGroups"][0]
    return group["TargetGroupArn"], {"TargetGroupArn": group["TargetGroupArn"]}


def _delete_target_group(_arn: str, properties: Properties) -> None:
    named = {"DBProxyName": properties["DBProxyName"], "TargetGroupName": properties["TargetGroupName"]}
    if any(properties.get(field) for field in TARGETS):
        client("rds").deregister_db_proxy_targets(**named, **chosen(properties, TARGETS))


TYPES = {
    "AWS::RDS::DBProxy": ResourceType(create=_create_proxy, update=_update_proxy, delete=_delete_proxy),
    "AWS::RDS::DBProxyTargetGroup": ResourceType(create=_create_target_group, delete=_delete_target_group),
    "AWS::RDS::EventSubscription": ResourceType(
        create=_create_subscription, update=_update_subscription, delete=_delete_subscription
    ),
}
