"""What a template promises of databases, their parameters, proxies and migrations."""

from __future__ import annotations

from holdfast.rehearsal import read_back_words as words
from holdfast.rehearsal.read_back_rows import Call, Row, by_id, in_first, rows, tagged


def _rds_tags(kind: str) -> list[Row]:
    """Tags of an RDS resource whose ARN CloudFormation does not tell."""
    call = Call(
        service="rds",
        operation="list_tags_for_resource",
        parameters=lambda it: {"ResourceName": f"arn:aws:rds:{it.region}:{it.account}:{kind}:{it.physical_id}"},
    )
    return tagged(call, "TagList")


def _parameters(operation: str, name: str) -> Call:
    """Return the call that lists what a parameter group says itself, as one mapping."""
    return Call(
        service="rds",
        operation=operation,
        parameters=lambda it: {name: it.physical_id, "Source": "user"},
        select=lambda answer, _: {one["ParameterName"]: one.get("ParameterValue") for one in answer["Parameters"]},
    )


def _migration(operation: str, word: str) -> Call:
    """Return a call that finds one record of Database Migration Service by its ARN."""
    return Call(
        service="dms",
        operation=operation,
        parameters=lambda it: {"Filters": [{"Name": word, "Values": [it.physical_id]}]},
    )


CLUSTER = by_id("rds", "describe_db_clusters", "DBClusterIdentifier")
INSTANCE = by_id("rds", "describe_db_instances", "DBInstanceIdentifier")
SUBNETS = by_id("rds", "describe_db_subnet_groups", "DBSubnetGroupName")
GROUP = by_id("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroupName")
INSTANCE_GROUP = by_id("rds", "describe_db_parameter_groups", "DBParameterGroupName")
EVENTS = by_id("rds", "describe_event_subscriptions", "SubscriptionName")
PROXY = by_id("rds", "describe_db_proxies", "DBProxyName")
REPLICATION = _migration("describe_replication_instances", "replication-instance-arn")
ENDPOINT = _migration("describe_endpoints", "endpoint-arn")
TASK = _migration("describe_replication_tasks", "replication-task-arn")
SUBNET_GROUP = _migration("describe_replication_subnet_groups", "replication-subnet-group-id")
DMS_TAGS = tagged(by_id("dms", "list_tags_for_resource", "ResourceArn"), "TagList")
SMALL = (str.lower, str.lower)  # DMS keeps identifiers in small letters

DATABASES: dict[str, list[Row]] = {
    "AWS::DMS::Endpoint": [
        *rows(
            ENDPOINT,
            **in_first(
                "Endpoints", "CertificateArn", "EndpointType", "EngineName", "ExtraConnectionAttributes", "SslMode"
            ),
            EndpointIdentifier=("Endpoints.0.EndpointIdentifier", *SMALL),
            KmsKeyId=("Endpoints.0.KmsKeyId", *words.KEY),
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
            KmsKeyId=("ReplicationInstances.0.KmsKeyId", *words.KEY),
            ReplicationInstanceIdentifier=("ReplicationInstances.0.ReplicationInstanceIdentifier", *SMALL),
        ),
        *DMS_TAGS,
    ],
    "AWS::DMS::ReplicationSubnetGroup": rows(
        SUBNET_GROUP,
        ReplicationSubnetGroupIdentifier=(
            "ReplicationSubnetGroups.0.ReplicationSubnetGroupIdentifier",
            *SMALL,
        ),
        SubnetIds=("ReplicationSubnetGroups.0.Subnets", words.each("SubnetIdentifier")),
        ReplicationSubnetGroupDescription="ReplicationSubnetGroups.0.ReplicationSubnetGroupDescription",
    )
    + tagged(
        Call(
            service="dms",
            operation="list_tags_for_resource",
            parameters=lambda it: {"ResourceArn": f"arn:aws:dms:{it.region}:{it.account}:subgrp:{it.physical_id}"},
        ),
        "TagList",
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
        KmsKeyId=("DBClusters.0.KmsKeyId", *words.KEY),
        PerformanceInsightsKmsKeyId=("DBClusters.0.PerformanceInsightsKMSKeyId", *words.KEY),
        VpcSecurityGroupIds=("DBClusters.0.VpcSecurityGroups", words.each("VpcSecurityGroupId")),
        Tags=("DBClusters.0.TagList", *words.tags()),
    ),
    "AWS::RDS::DBClusterParameterGroup": [
        *rows(
            GROUP,
            **in_first("DBClusterParameterGroups", "DBClusterParameterGroupName", "Description"),
            Family="DBClusterParameterGroups.0.DBParameterGroupFamily",
        ),
        *rows(_parameters("describe_db_cluster_parameters", "DBClusterParameterGroupName"), Parameters=""),
        *_rds_tags("cluster-pg"),
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
        Tags=("DBInstances.0.TagList", *words.tags()),
        PerformanceInsightsKMSKeyId="DBInstances.0.PerformanceInsightsKMSKeyId",
    ),
    "AWS::RDS::DBParameterGroup": [
        *rows(
            INSTANCE_GROUP,
            **in_first("DBParameterGroups", "DBParameterGroupName", "Description"),
            Family="DBParameterGroups.0.DBParameterGroupFamily",
        ),
        *rows(_parameters("describe_db_parameters", "DBParameterGroupName"), Parameters=""),
        *_rds_tags("pg"),
    ],
    "AWS::RDS::DBProxy": rows(
        PROXY,
        **in_first("DBProxies", "DBProxyName", "EngineFamily", "RequireTLS", "IdleClientTimeout", "RoleArn", "Auth"),
        VpcSubnetIds="DBProxies.0.VpcSubnetIds",
        VpcSecurityGroupIds="DBProxies.0.VpcSecurityGroupIds",
    ),
    "AWS::RDS::DBSubnetGroup": [
        *rows(
            SUBNETS,
            **in_first("DBSubnetGroups", "DBSubnetGroupName", "DBSubnetGroupDescription"),
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
}
