"""Reads databases: clusters with their instances, parameter groups, secrets and networks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import groups, subnets
from holdfast.checks.values import Undecided, Value, as_list, as_text, is_undecided

PORTS = {"mysql": 3306, "postgresql": 5432}


def clusters(resource: Resource) -> list[Resource]:
    """Return every Aurora or Multi-AZ cluster of the system a resource belongs to."""
    return resource.system.resources("AWS::RDS::DBCluster")


def instances_of(cluster: Resource) -> list[Resource]:
    """Return the instances of a cluster, in template order."""
    found = cluster.system.resources("AWS::RDS::DBInstance")
    return [i for i in found if cluster.system.find(i.get("DBClusterIdentifier"), "AWS::RDS::DBCluster") is cluster]


def cluster_of(instance: Resource) -> Resource | None:
    """Return the cluster of an instance."""
    return instance.system.find(instance.get("DBClusterIdentifier"), "AWS::RDS::DBCluster")


def flavour(database: Resource) -> str | None:
    """Return `mysql` or `postgresql`; None for another engine or one that cannot be known."""
    engine = as_text(database.get("Engine")) or ""
    if engine in ("aurora", "aurora-mysql", "mysql", "mariadb"):
        return "mysql"
    return "postgresql" if engine in ("aurora-postgresql", "postgres") else None


def parameters_of(database: Resource) -> Mapping[str, Value] | Undecided:
    """Return what a cluster's (or instance's) own parameter group sets; empty with the default group."""
    cluster = database.type == "AWS::RDS::DBCluster"
    prop = "DBClusterParameterGroupName" if cluster else "DBParameterGroupName"
    kind = "AWS::RDS::DBClusterParameterGroup" if cluster else "AWS::RDS::DBParameterGroup"
    name = database.get(prop)
    if name is None or (isinstance(name, str) and name.startswith("default.")):
        return {}
    group = database.system.find(name, kind)
    if group is None:
        return Undecided(f"the parameter group {as_text(name)} is not in the templates")
    parameters = group.get("Parameters", {})
    return parameters if isinstance(parameters, dict) else Undecided("its parameters")


def settings_of(cluster: Resource, name: str) -> list[Value]:
    """Return what the cluster and its instances set a parameter to; `Undecided` entries for unknown groups."""
    found: list[Value] = []
    for database in (cluster, *instances_of(cluster)):
        parameters = parameters_of(database)
        if isinstance(parameters, Undecided):
            found.append(parameters)
        elif name in parameters:
            found.append(parameters[name])
    return found


def switched_on(cluster: Resource, name: str) -> bool | Undecided:
    """Tell whether a parameter is on (1, ON, true) for the cluster or any of its instances."""
    values = settings_of(cluster, name)
    if any((as_text(value) or "").lower() in ("1", "on", "true", "yes") for value in values):
        return True
    unknown = next((value for value in values if is_undecided(value)), None)
    if unknown is not None:
        return unknown if isinstance(unknown, Undecided) else Undecided(str(unknown))
    return False


def secret_of(database: Resource) -> Resource | None:
    """Return the secret with a database's master credentials, if the system declares it."""
    kind = "AWS::SecretsManager::Secret"
    for prop in ("MasterUserPassword", "MasterUsername"):
        secret = database.system.find(database.get(prop), kind)
        if secret is not None:
            return secret
        named = re.search(
            r"{{resolve:secretsmanager:([^:}]+|arn:[^}]*?:secret:[^:}]+)", as_text(database.get(prop)) or ""
        )
        secret = database.system.find(named[1], kind) if named else None
        if secret is not None:
            return secret
    for attachment in database.system.resources("AWS::SecretsManager::SecretTargetAttachment"):
        if database.system.find(attachment.get("TargetId")) is database:
            return database.system.find(attachment.get("SecretId"), kind)
    return None


def attachment_of(secret: Resource) -> Resource | None:
    """Return the attachment that writes host and port into a secret."""
    found = secret.system.resources("AWS::SecretsManager::SecretTargetAttachment")
    return next((a for a in found if secret.system.find(a.get("SecretId"), secret.type) is secret), None)


def rotation_of(secret: Resource) -> Resource | None:
    """Return the rotation schedule of a secret, made on it or on its attachment."""
    attachment = attachment_of(secret)
    for schedule in secret.system.resources("AWS::SecretsManager::RotationSchedule"):
        named = secret.system.find(schedule.get("SecretId"))
        if named is secret or (attachment is not None and named is attachment):
            return schedule
    return None


def security_groups(database: Resource) -> tuple[list[Resource], list[Value]]:
    """Return the security groups of a cluster or instance, and values that name none of the system's."""
    return groups(database.system, database.get("VpcSecurityGroupIds", database.get("VPCSecurityGroups")))


def subnets_of(database: Resource) -> tuple[list[Resource], list[Value]]:
    """Return the subnets of a database's subnet group, and values outside the system."""
    name = database.get("DBSubnetGroupName")
    group = database.system.find(name, "AWS::RDS::DBSubnetGroup")
    if group is None:
        return [], as_list(name)
    return subnets(database.system, group.get("SubnetIds"))


def port_of(database: Resource) -> int:
    """Return the port a database listens on; its engine's own unless it names one."""
    port = database.get("Port")
    if isinstance(port, int | str) and str(port).isdigit():
        return int(port)
    return PORTS.get(flavour(database) or "mysql", 3306)


def serverless(cluster: Resource) -> bool:
    """Tell whether a cluster scales by capacity (Serverless v2)."""
    return cluster.get("ServerlessV2ScalingConfiguration") is not None


def is_member(instance: Resource) -> bool:
    """Tell whether an instance belongs to a cluster."""
    return instance.get("DBClusterIdentifier") is not None
