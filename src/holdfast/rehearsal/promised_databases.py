"""What a template promises of databases, their secrets and their backups, and which answer shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from holdfast.rehearsal import read_back_words as words
from holdfast.rehearsal.read_back_rows import Call, Deployed, Row, addressed, by_attribute, by_id, in_first, rows


def _rds_tags(kind: str) -> list[Row]:
    """Tags of an RDS resource whose ARN CloudFormation does not tell."""
    call = Call(
        service="rds",
        operation="list_tags_for_resource",
        parameters=lambda it: {"ResourceName": f"arn:aws:rds:{it.region}:{it.account}:{kind}:{it.physical_id}"},
    )
    return rows(call, Tags=("TagList", *words.tags()))


def _parameters(operation: str, name: str) -> Call:
    """Return the call that lists what a parameter group says itself, as one mapping."""
    return Call(
        service="rds",
        operation=operation,
        parameters=lambda it: {name: it.physical_id, "Source": "user"},
        select=lambda answer, _: {one["ParameterName"]: one.get("ParameterValue") for one in answer["Parameters"]},
    )


def _attached(answer: Any, _it: Deployed) -> dict[str, str]:
    """Tell which database an attached secret names, by the host that attaching wrote into it."""
    host = json.loads(answer["SecretString"])["host"]
    kind = "DBCluster" if ".cluster-" in host else "DBInstance"
    return {"TargetId": host.partition(".")[0], "TargetType": f"AWS::RDS::{kind}"}


def _plan(answer: Any, _it: Deployed) -> dict[str, Any]:
    """Put AWS Backup's plan into CloudFormation's words."""
    plan = answer["BackupPlan"]
    renamed = {
        "TargetBackupVaultName": "TargetBackupVault",
        "StartWindowMinutes": "StartWindowMinutes",
        "CompletionWindowMinutes": "CompletionWindowMinutes",
    }
    rules = [{renamed.get(key, key): value for key, value in rule.items()} for rule in plan["Rules"]]
    return {**plan, "BackupPlanRule": rules}


IDENTIFIER = "DBClusterIdentifier"
CLUSTER = by_id("rds", "describe_db_clusters", IDENTIFIER)
INSTANCE = by_id("rds", "describe_db_instances", "DBInstanceIdentifier")
SUBNETS = by_id("rds", "describe_db_subnet_groups", "DBSubnetGroupName")
GROUP = by_id("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroupName")
INSTANCE_GROUP = by_id("rds", "describe_db_parameter_groups", "DBParameterGroupName")
EVENTS = by_id("rds", "describe_event_subscriptions", "SubscriptionName")
PROXY = by_id("rds", "describe_db_proxies", "DBProxyName")
SECRET = by_id("secretsmanager", "describe_secret", "SecretId")
VAULT = by_id("backup", "describe_backup_vault", "BackupVaultName")
SECRET_OF = "SecretId"  # noqa: S105 - a property's name


def _of_secret(operation: str, select: Callable[[Any, Deployed], Any] = lambda answer, _: answer) -> Call:
    """Return a call that names the secret a resource belongs to."""
    return Call(
        service="secretsmanager",
        operation=operation,
        parameters=lambda it: {SECRET_OF: it.properties[SECRET_OF]},
        select=select,
    )


ROTATION, POLICY = _of_secret("describe_secret"), _of_secret("get_resource_policy")
ATTACHED = _of_secret("get_secret_value", _attached)
KEY = (words.key_id, words.key_id)
SELECTION = Call(
    service="backup",
    operation="get_backup_selection",
    parameters=lambda it: {name: it.attributes[name] for name in ("BackupPlanId", "SelectionId")},
)
PLAN = Call(
    service="backup",
    operation="get_backup_plan",
    parameters=lambda it: {"BackupPlanId": it.physical_id},
    select=_plan,
)
PLAN_TAGS = by_attribute("backup", "list_tags", "ResourceArn", "BackupPlanArn")


def _migration(operation: str, word: str) -> Call:
    """Return a call that finds one record of Database Migration Service by its ARN."""
    return Call(
        service="dms",
        operation=operation,
        parameters=lambda it: {"Filters": [{"Name": word, "Values": [it.physical_id]}]},
    )


REPLICATION = _migration("describe_replication_instances", "replication-instance-arn")
ENDPOINT = _migration("describe_endpoints", "endpoint-arn")
TASK = _migration("describe_replication_tasks", "replication-task-arn")
SUBNET_GROUP = _migration("describe_replication_subnet_groups", "replication-subnet-group-id")
DMS_TAGS = rows(by_id("dms", "list_tags_for_resource", "ResourceArn"), Tags=("TagList", *words.tags()))
SMALL = (str.lower, str.lower)  # DMS keeps identifiers in small letters

DATABASES: dict[str, list[Row]] = {
    "AWS::Backup::BackupPlan": [
        *rows(PLAN, BackupPlan=""),
        *rows(
            by_attribute("backup", "list_tags", "ResourceArn", "BackupPlanArn"), BackupPlanTags=("Tags", *words.tags())
        ),
    ],
    "AWS::Backup::BackupSelection": [
        *rows(SELECTION, BackupSelection="BackupSelection"),
        *addressed(SELECTION, "BackupPlanId"),
    ],
    "AWS::Backup::BackupVault": [
        *rows(VAULT, BackupVaultName="BackupVaultName", EncryptionKeyArn=("EncryptionKeyArn", *KEY)),
        *rows(VAULT, LockConfiguration=("", words.locked)),
        *rows(
            by_id("backup", "get_backup_vault_access_policy", "BackupVaultName"), AccessPolicy=("Policy", words.parsed)
        ),
        *rows(by_id("backup", "get_backup_vault_notifications", "BackupVaultName"), Notifications=""),
        *rows(
            Call(
                service="backup",
                operation="list_tags",
                parameters=lambda it: {
                    "ResourceArn": f"arn:aws:backup:{it.region}:{it.account}:backup-vault:{it.physical_id}"
                },
            ),
            BackupVaultTags=("Tags", *words.tags()),
        ),
    ],
    "AWS::DMS::Endpoint": [
        *rows(
            ENDPOINT,
            **in_first(
                "Endpoints", "CertificateArn", "EndpointType", "EngineName", "ExtraConnectionAttributes", "SslMode"
            ),
            EndpointIdentifier=("Endpoints.0.EndpointIdentifier", *SMALL),
            KmsKeyId=("Endpoints.0.KmsKeyId", *KEY),
            MySqlSettings="Endpoints.0.MySQLSettings",
        ),
        *DMS_TAGS,
    ],
    "AWS::DMS::ReplicationInstance": [
        *rows(
            REPLICATION,
            **in_first(
                "ReplicationInstances",
                "AllocatedStorage",
                "AutoMinorVersionUpgrade",
                "EngineVersion",
                "MultiAZ",
                "PreferredMaintenanceWindow",
                "PubliclyAccessible",
                "ReplicationInstanceClass",
            ),
            KmsKeyId=("ReplicationInstances.0.KmsKeyId", *KEY),
            ReplicationInstanceIdentifier=("ReplicationInstances.0.ReplicationInstanceIdentifier", *SMALL),
        ),
        *DMS_TAGS,
    ],
    "AWS::DMS::ReplicationSubnetGroup": rows(
        SUBNET_GROUP,
        ReplicationSubnetGroupDescription="ReplicationSubnetGroups.0.ReplicationSubnetGroupDescription",
        ReplicationSubnetGroupIdentifier=(
            "ReplicationSubnetGroups.0.ReplicationSubnetGroupIdentifier",
            *SMALL,
        ),
        SubnetIds=("ReplicationSubnetGroups.0.Subnets", words.each("SubnetIdentifier")),
    )
    + rows(
        Call(
            service="dms",
            operation="list_tags_for_resource",
            parameters=lambda it: {"ResourceArn": f"arn:aws:dms:{it.region}:{it.account}:subgrp:{it.physical_id}"},
        ),
        Tags=("TagList", *words.tags()),
    ),
    "AWS::DMS::ReplicationTask": [
        *rows(
            TASK,
            **in_first(
                "ReplicationTasks", "MigrationType", "ReplicationInstanceArn", "SourceEndpointArn", "TargetEndpointArn"
            ),
            ReplicationTaskIdentifier=("ReplicationTasks.0.ReplicationTaskIdentifier", *SMALL),
            ReplicationTaskSettings=("ReplicationTasks.0.ReplicationTaskSettings", words.parsed, words.parsed),
            TableMappings=("ReplicationTasks.0.TableMappings", words.parsed, words.parsed),
        ),
        *DMS_TAGS,
    ],
    "AWS::RDS::DBCluster": rows(
        CLUSTER,
        **in_first(
            "DBClusters",
            "BackupRetentionPeriod",
            "BacktrackWindow",
            "CopyTagsToSnapshot",
            "DatabaseInsightsMode",
            "DatabaseName",
            "DBClusterIdentifier",
            "DeletionProtection",
            "Engine",
            "EngineMode",
            "EngineVersion",
            "MasterUsername",
            "MonitoringInterval",
            "MonitoringRoleArn",
            "PerformanceInsightsEnabled",
            "PerformanceInsightsRetentionPeriod",
            "Port",
            "PreferredBackupWindow",
            "PreferredMaintenanceWindow",
            "ServerlessV2ScalingConfiguration",
            "StorageEncrypted",
            "StorageType",
            "AssociatedRoles",
        ),
        DBClusterParameterGroupName="DBClusters.0.DBClusterParameterGroup",
        DBSubnetGroupName="DBClusters.0.DBSubnetGroup",
        EnableCloudwatchLogsExports="DBClusters.0.EnabledCloudwatchLogsExports",
        EnableHttpEndpoint="DBClusters.0.HttpEndpointEnabled",
        EnableIAMDatabaseAuthentication="DBClusters.0.IAMDatabaseAuthenticationEnabled",
        KmsKeyId=("DBClusters.0.KmsKeyId", *KEY),
        PerformanceInsightsKmsKeyId=("DBClusters.0.PerformanceInsightsKMSKeyId", *KEY),
        VpcSecurityGroupIds=("DBClusters.0.VpcSecurityGroups", words.each("VpcSecurityGroupId")),
        Tags=("DBClusters.0.TagList", *words.tags()),
    ),
    "AWS::RDS::DBClusterParameterGroup": [
        *rows(
            GROUP,
            DBClusterParameterGroupName="DBClusterParameterGroups.0.DBClusterParameterGroupName",
            Description="DBClusterParameterGroups.0.Description",
            Family="DBClusterParameterGroups.0.DBParameterGroupFamily",
        ),
        *rows(_parameters("describe_db_cluster_parameters", "DBClusterParameterGroupName"), Parameters=""),
        *_rds_tags("cluster-pg"),
    ],
    "AWS::RDS::DBParameterGroup": [
        *rows(
            INSTANCE_GROUP,
            DBParameterGroupName="DBParameterGroups.0.DBParameterGroupName",
            Description="DBParameterGroups.0.Description",
            Family="DBParameterGroups.0.DBParameterGroupFamily",
        ),
        *rows(_parameters("describe_db_parameters", "DBParameterGroupName"), Parameters=""),
        *_rds_tags("pg"),
    ],
    "AWS::RDS::DBInstance": rows(
        INSTANCE,
        **in_first(
            "DBInstances",
            "AutoMinorVersionUpgrade",
            "AvailabilityZone",
            "CopyTagsToSnapshot",
            "DBClusterIdentifier",
            "DBInstanceClass",
            "DBInstanceIdentifier",
            "DeletionProtection",
            "Engine",
            "EngineVersion",
            "MonitoringInterval",
            "MonitoringRoleArn",
            "PerformanceInsightsRetentionPeriod",
            "PreferredMaintenanceWindow",
            "PromotionTier",
            "PubliclyAccessible",
            "StorageEncrypted",
        ),
        DBParameterGroupName=("DBInstances.0.DBParameterGroups", lambda it: it[0]["DBParameterGroupName"]),
        DBSubnetGroupName="DBInstances.0.DBSubnetGroup.DBSubnetGroupName",
        EnablePerformanceInsights="DBInstances.0.PerformanceInsightsEnabled",
        PerformanceInsightsKMSKeyId="DBInstances.0.PerformanceInsightsKMSKeyId",
        Tags=("DBInstances.0.TagList", *words.tags()),
    ),
    "AWS::RDS::DBProxy": rows(
        PROXY,
        **in_first("DBProxies", "DBProxyName", "EngineFamily", "RequireTLS", "IdleClientTimeout", "RoleArn", "Auth"),
        VpcSubnetIds="DBProxies.0.VpcSubnetIds",
        VpcSecurityGroupIds="DBProxies.0.VpcSecurityGroupIds",
    ),
    "AWS::RDS::DBSubnetGroup": [
        *rows(
            SUBNETS,
            DBSubnetGroupName="DBSubnetGroups.0.DBSubnetGroupName",
            DBSubnetGroupDescription="DBSubnetGroups.0.DBSubnetGroupDescription",
            SubnetIds=("DBSubnetGroups.0.Subnets", words.each("SubnetIdentifier")),
        ),
        *_rds_tags("subgrp"),
    ],
    "AWS::RDS::EventSubscription": [
        *rows(
            EVENTS,
            **in_first("EventSubscriptionsList", "Enabled", "SnsTopicArn", "SourceType"),
            EventCategories="EventSubscriptionsList.0.EventCategoriesList",
            SourceIds="EventSubscriptionsList.0.SourceIdsList",
            SubscriptionName="EventSubscriptionsList.0.CustSubscriptionId",
        ),
        *_rds_tags("es"),
    ],
    "AWS::SecretsManager::ResourcePolicy": [
        *rows(POLICY, ResourcePolicy=("ResourcePolicy", words.parsed)),
        *addressed(POLICY, SECRET_OF),
    ],
    "AWS::SecretsManager::RotationSchedule": [
        *rows(ROTATION, RotationRules="RotationRules", RotationLambdaARN="RotationLambdaARN"),
        *addressed(ROTATION, SECRET_OF),
    ],
    "AWS::SecretsManager::Secret": rows(
        SECRET,
        Description="Description",
        KmsKeyId=("KmsKeyId", *KEY),
        Name="Name",
        Tags=("Tags", *words.tags()),
    ),
    "AWS::SecretsManager::SecretTargetAttachment": [
        *rows(ATTACHED, TargetId="TargetId", TargetType="TargetType"),
        *addressed(ATTACHED, SECRET_OF),
    ],
}
DATABASES_UNTOLD: dict[tuple[str, str], str] = {
    ("AWS::DMS::ReplicationInstance", "ReplicationSubnetGroupIdentifier"): "recorded, but told in another shape",
    ("AWS::DMS::ReplicationInstance", "VpcSecurityGroupIds"): "recorded, but told in another shape",
    ("AWS::RDS::DBCluster", "MasterUserPassword"): "no service tells a password",
    ("AWS::SecretsManager::Secret", "GenerateSecretString"): "how a secret was made is told by nobody",
    ("AWS::SecretsManager::Secret", "SecretString"): "no read-back asks for a secret's value",
    ("AWS::SecretsManager::RotationSchedule", "HostedRotationLambda"): "AWS makes the function; none runs here",
    ("AWS::SecretsManager::RotationSchedule", "RotateImmediatelyOnUpdate"): "an order to CloudFormation, no state",
}
