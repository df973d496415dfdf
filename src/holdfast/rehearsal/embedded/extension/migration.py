"""Database Migration Service: instances, endpoints and tasks are recorded; tasks start and stop, and copy no row.

A task knows the states that AWS's does, without the ones in between: what may not be started is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id, get_region

from holdfast.rehearsal.embedded.extension import recorded
from holdfast.rehearsal.embedded.extension.recorded import Answer, RecordedService, Refused, Request, Store
from holdfast.rehearsal.embedded.extension.resource_type import (
    Created,
    Properties,
    ResourceType,
    chosen,
    tags_of,
    whole,
)
from holdfast.rehearsal.embedded.extension.service_clients import client

MISSING, WRONG_STATE, EXISTS = "ResourceNotFoundFault", "InvalidResourceStateFault", "ResourceAlreadyExistsFault"
READY, RUNNING, STOPPED = "ready", "running", "stopped"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of record: its words in the API, and the ARN's."""

    name: str
    identifier: str
    arn_word: str
    listed: str
    first: Answer

    @property
    def arn(self) -> str:
        """The field that holds its ARN."""
        return f"{self.name}Arn"


INSTANCE = Kind(
    name="ReplicationInstance",
    identifier="ReplicationInstanceIdentifier",
    arn_word="rep",
    listed="ReplicationInstances",
    first={"ReplicationInstanceStatus": "available"},
)
ENDPOINT = Kind(
    name="Endpoint",
    identifier="EndpointIdentifier",
    arn_word="endpoint",
    listed="Endpoints",
    first={"Status": "active"},
)
TASK = Kind(
    name="ReplicationTask",
    identifier="ReplicationTaskIdentifier",
    arn_word="task",
    listed="ReplicationTasks",
    first={"Status": READY, "ReplicationTaskStats": {"TablesErrored": 0}},
)


def _arn(word: str, name: str) -> str:
    return f"arn:aws:dms:{get_region()}:{get_account_id()}:{word}:{name.upper()}"


def _create(kind: Kind) -> Callable[[Store, Request], Answer]:
    def handle(store: Store, request: Request) -> Answer:
        arn = _arn(kind.arn_word, request[kind.identifier])
        if arn in store[kind.name]:
            raise Refused(EXISTS, f"{arn} exists")
        store[kind.name][arn] = {**kind.first, **request, kind.arn: arn}
        return {kind.name: store[kind.name][arn]}

    return handle


def _found(store: Store, kind: Kind, request: Request) -> dict[str, Any]:
    record: dict[str, Any] | None = store[kind.name].get(request[kind.arn])
    if record is None:
        raise Refused(MISSING, f"{request[kind.arn]} does not exist")
    return record


def _delete(kind: Kind) -> Callable[[Store, Request], Answer]:
    def handle(store: Store, request: Request) -> Answer:
        record = _found(store, kind, request)
        if record.get("Status") == RUNNING:
            raise Refused(WRONG_STATE, f"{request[kind.arn]} is running; stop it first")
        return {kind.name: store[kind.name].pop(request[kind.arn])}

    return handle


def _modify(kind: Kind) -> Callable[[Store, Request], Answer]:
    def handle(store: Store, request: Request) -> Answer:
        record = _found(store, kind, request)
        if record.get("Status") == RUNNING:
            raise Refused(WRONG_STATE, f"{request[kind.arn]} is running; stop it first")
        record.update(request)
        return {kind.name: record}

    return handle


def _tagged(store: Store, request: Request) -> dict[str, Any]:
    """Return the record that an ARN names, whatever its kind."""
    arn = request["ResourceArn"]
    held: list[Mapping[str, dict[str, Any]]] = [store[kind.name] for kind in (INSTANCE, ENDPOINT, TASK)]
    for records in held:
        if arn in records:
            return records[arn]
    groups: Mapping[str, dict[str, Any]] = store["group"]
    name = arn.rpartition(":")[2].lower()
    if name not in groups:
        raise Refused(MISSING, f"{arn} does not exist")
    return groups[name]


def _list_tags(store: Store, request: Request) -> Answer:
    return {"TagList": _tagged(store, request).get("Tags", [])}


def _add_tags(store: Store, request: Request) -> Answer:
    record = _tagged(store, request)
    tags = {one["Key"]: one for one in [*record.get("Tags", []), *request["Tags"]]}
    record["Tags"] = list(tags.values())
    return {}


def _remove_tags(store: Store, request: Request) -> Answer:
    record = _tagged(store, request)
    record["Tags"] = [one for one in record.get("Tags", []) if one["Key"] not in request["TagKeys"]]
    return {}


def _describe(kind: Kind) -> Callable[[Store, Request], Answer]:
    words = {
        "replication-task-arn": "ReplicationTaskArn",
        "replication-instance-arn": "ReplicationInstanceArn",
        "endpoint-arn": "EndpointArn",
        "replication-subnet-group-id": "ReplicationSubnetGroupIdentifier",
    }

    def matches(request: Request, record: dict[str, Any]) -> bool:
        filters = request.get("Filters", [])
        return all(str(record.get(words[one["Name"]])).lower() in map(str.lower, one["Values"]) for one in filters)

    return recorded.describe(kind.name, kind.listed, matches)


def _start(store: Store, request: Request) -> Answer:
    task, how = _found(store, TASK, request), request["StartReplicationTaskType"]
    if task["Status"] == RUNNING:
        raise Refused(WRONG_STATE, f"{request['ReplicationTaskArn']} is running already")
    if task["Status"] == READY and how != "start-replication":
        raise Refused(WRONG_STATE, f"{request['ReplicationTaskArn']} has never run; start it with start-replication")
    task.update({"Status": RUNNING, "StartedAs": how, "CdcStartTime": request.get("CdcStartTime")})
    return {"ReplicationTask": task}


def _stop(store: Store, request: Request) -> Answer:
    task = _found(store, TASK, request)
    if task["Status"] != RUNNING:
        raise Refused(WRONG_STATE, f"{request['ReplicationTaskArn']} is {task['Status']}, not running")
    task["Status"] = STOPPED
    return {"ReplicationTask": task}


def _group_key(request: Request) -> str:
    return str(request["ReplicationSubnetGroupIdentifier"]).lower()


def _grouped(record: dict[str, Any]) -> Answer:
    record["Subnets"] = [{"SubnetIdentifier": one} for one in record["SubnetIds"]]
    return {"ReplicationSubnetGroup": record}


def _group_of(request: Request, record: dict[str, Any]) -> bool:
    values = [value for one in request.get("Filters", []) for value in one["Values"]]
    return not values or _group_key(record) in map(str.lower, values)


SERVICE = RecordedService(
    {
        "CreateReplicationSubnetGroup": recorded.put("group", _group_key, _grouped),
        "ModifyReplicationSubnetGroup": recorded.put("group", _group_key, _grouped),
        "DescribeReplicationSubnetGroups": recorded.describe("group", "ReplicationSubnetGroups", _group_of),
        "DeleteReplicationSubnetGroup": recorded.delete("group", _group_key, MISSING),
        **{f"Create{kind.name}": _create(kind) for kind in (INSTANCE, ENDPOINT, TASK)},
        **{f"Delete{kind.name}": _delete(kind) for kind in (INSTANCE, ENDPOINT, TASK)},
        **{f"Describe{kind.listed}": _describe(kind) for kind in (INSTANCE, ENDPOINT, TASK)},
        **{f"Modify{kind.name}": _modify(kind) for kind in (INSTANCE, ENDPOINT, TASK)},
        "ListTagsForResource": _list_tags,
        "AddTagsToResource": _add_tags,
        "RemoveTagsFromResource": _remove_tags,
        "StartReplicationTask": _start,
        "StopReplicationTask": _stop,
    }
)


def _tags(properties: Properties) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]


def _make(operation: str, kind: Kind, name: str, properties: Properties, fields: Sequence[str]) -> Created:
    given = {kind.identifier: str(properties.get(kind.identifier, name)).lower(), **whole(chosen(properties, fields))}
    found = getattr(client("dms"), operation)(Tags=_tags(properties), **given)[kind.name]
    return found[kind.arn], {kind.arn: found[kind.arn], "ReplicationTaskArn": found[kind.arn]}


INSTANCE_FIELDS = (
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "EngineVersion",
    "KmsKeyId",
    "MultiAZ",
    "PreferredMaintenanceWindow",
    "PubliclyAccessible",
    "ReplicationInstanceClass",
    "ReplicationSubnetGroupIdentifier",
    "VpcSecurityGroupIds",
)
ENDPOINT_FIELDS = (
    "CertificateArn",
    "DatabaseName",
    "EndpointType",
    "EngineName",
    "ExtraConnectionAttributes",
    "KmsKeyId",
    "MySqlSettings",
    "SslMode",
)
ENDPOINT_WORDS = {"MySqlSettings": "MySQLSettings"}
TASK_FIELDS = (
    "MigrationType",
    "ReplicationInstanceArn",
    "ReplicationTaskSettings",
    "SourceEndpointArn",
    "TableMappings",
    "TargetEndpointArn",
)


def _create_instance(name: str, properties: Properties) -> Created:
    return _make("create_replication_instance", INSTANCE, name, properties, INSTANCE_FIELDS)


def _create_endpoint(name: str, properties: Properties) -> Created:
    words = {ENDPOINT_WORDS.get(key, key): value for key, value in properties.items()}
    fields = [ENDPOINT_WORDS.get(field, field) for field in ENDPOINT_FIELDS]
    return _make("create_endpoint", ENDPOINT, name, words, fields)


def _create_task(name: str, properties: Properties) -> Created:
    return _make("create_replication_task", TASK, name, properties, TASK_FIELDS)


def _create_group(name: str, properties: Properties) -> Created:
    group = str(properties.get("ReplicationSubnetGroupIdentifier", name)).lower()
    client("dms").create_replication_subnet_group(
        ReplicationSubnetGroupIdentifier=group,
        ReplicationSubnetGroupDescription=properties["ReplicationSubnetGroupDescription"],
        SubnetIds=properties["SubnetIds"],
        Tags=_tags(properties),
    )
    return group, {}


def _deleting(operation: str, field: str) -> Callable[[str, Properties], None]:
    def remove(physical_id: str, _properties: Properties) -> None:
        getattr(client("dms"), operation)(**{field: physical_id})

    return remove


def _retag(arn: str, old: Properties, new: Properties) -> None:
    before, after = tags_of(old), tags_of(new)
    if gone := [key for key in before if key not in after]:
        client("dms").remove_tags_from_resource(ResourceArn=arn, TagKeys=gone)
    if after:
        client("dms").add_tags_to_resource(ResourceArn=arn, Tags=_tags(new))


def _change(operation: str, kind: Kind, fields: Sequence[str]) -> Callable[[str, Properties, Properties], Created]:
    """Return an update that sends what changed, and then the tags."""

    def update(arn: str, old: Properties, new: Properties) -> Created:
        words_of = [{ENDPOINT_WORDS.get(key, key): value for key, value in given.items()} for given in (old, new)]
        before, after = (whole(chosen(given, [ENDPOINT_WORDS.get(one, one) for one in fields])) for given in words_of)
        if changed := {key: value for key, value in after.items() if before.get(key) != value}:
            getattr(client("dms"), operation)(**{kind.arn: arn}, **changed)
        _retag(arn, old, new)
        return arn, {kind.arn: arn, "ReplicationTaskArn": arn}

    return update


def _change_group(group: str, old: Properties, new: Properties) -> Created:
    client("dms").modify_replication_subnet_group(
        ReplicationSubnetGroupIdentifier=group,
        ReplicationSubnetGroupDescription=new["ReplicationSubnetGroupDescription"],
        SubnetIds=new["SubnetIds"],
    )
    _retag(_arn("subgrp", group), old, new)
    return group, {}


TYPES = {
    "AWS::DMS::ReplicationSubnetGroup": ResourceType(
        create=_create_group,
        update=_change_group,
        delete=_deleting("delete_replication_subnet_group", "ReplicationSubnetGroupIdentifier"),
    ),
    "AWS::DMS::ReplicationInstance": ResourceType(
        create=_create_instance,
        update=_change("modify_replication_instance", INSTANCE, INSTANCE_FIELDS),
        delete=_deleting("delete_replication_instance", INSTANCE.arn),
    ),
    "AWS::DMS::Endpoint": ResourceType(
        create=_create_endpoint,
        update=_change("modify_endpoint", ENDPOINT, ENDPOINT_FIELDS),
        delete=_deleting("delete_endpoint", ENDPOINT.arn),
    ),
    "AWS::DMS::ReplicationTask": ResourceType(
        create=_create_task,
        update=_change("modify_replication_task", TASK, TASK_FIELDS),
        delete=_deleting("delete_replication_task", TASK.arn),
    ),
}
