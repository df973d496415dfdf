"""The cluster, its three instances, their parameters, logs and monitoring role. Pure; no CDK here."""

from __future__ import annotations

from holdfast.platforms.transaction_database.network import PORT, SUBNETS
from holdfast.platforms.transaction_database.template import (
    Body,
    Resources,
    Tags,
    attribute,
    ref,
    resource,
    sub,
    suffixed,
)
from holdfast.settings.engine_versions import version_of
from holdfast.settings.transaction_database import READERS, Database, TransactionDatabase

CLUSTER = "aurora-mysql-cluster"
INSTANCES = tuple(f"DBInstance{n}" for n in range(1, READERS + 2))
PROTECTED = "IsProtected"
MONITORING_SECONDS = 60
INSIGHTS_DAYS = 7

CLUSTER_PARAMETERS = {
    "innodb_flush_log_at_trx_commit": "1",
    "binlog_format": "ROW",
    "transaction_isolation": "READ-COMMITTED",
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_unicode_ci",
    "innodb_lock_wait_timeout": "50",
    "innodb_print_all_deadlocks": "1",
    # max_connections is left to its formula, which follows the memory of whichever class is chosen.
    "server_audit_logging": "1",
    "server_audit_events": "CONNECT,QUERY_DCL,QUERY_DDL",
    "require_secure_transport": "ON",
}


def exported_logs(database: Database) -> list[str]:
    """Return the logs that are written and exported."""
    return ["error", *(["general"] if database.general_log else []), "slowquery", "audit"]


def log_groups(database: Database) -> dict[str, str]:
    """Return the logical ids of the logs' groups and their names."""
    ids = {"error": "ErrorLog", "general": "GeneralLog", "slowquery": "SlowQueryLog", "audit": "AuditLog"}
    return {ids[log]: f"/aws/rds/cluster/{CLUSTER}-${{EnvironmentSuffix}}/{log}" for log in exported_logs(database)}


def database(settings: TransactionDatabase, tags: Tags) -> Resources:
    """Return everything of the database but its network, key and secret."""
    version = version_of("aurora-mysql", settings.database.engine_version)
    found = _groups(settings.database, tags) | _logs(settings.database, tags)
    found["MonitoringRole"] = _monitoring_role(tags)
    found["AuroraCluster"] = _cluster(settings, tags)
    for n, id_ in enumerate(INSTANCES, 1):
        found[id_] = _instance(n, tags, long_term=version.long_term)
    return found


def _groups(database: Database, tags: Tags) -> Resources:
    family = version_of("aurora-mysql", database.engine_version).family
    return {
        "DBSubnetGroup": resource(
            "AWS::RDS::DBSubnetGroup",
            {
                "DBSubnetGroupName": suffixed("aurora-subnet-group"),
                "DBSubnetGroupDescription": "Private subnets in three zones",
                "SubnetIds": SUBNETS,
                "Tags": tags("aurora-subnet-group"),
            },
        ),
        "DBClusterParameterGroup": resource(
            "AWS::RDS::DBClusterParameterGroup",
            {
                "Description": "Transactions: durable, row-based, read committed, audited, TLS only",
                "Family": family,
                "Parameters": CLUSTER_PARAMETERS,
                "Tags": tags("aurora-cluster-parameters"),
            },
        ),
        "DBParameterGroup": resource(
            "AWS::RDS::DBParameterGroup",
            {
                "Description": "Slow queries and those without an index are logged",
                "Family": family,
                "Parameters": {
                    "slow_query_log": "1",
                    "long_query_time": "2",
                    "log_queries_not_using_indexes": "1",
                    "general_log": "1" if database.general_log else "0",
                },
                "Tags": tags("aurora-instance-parameters"),
            },
        ),
    }


def _logs(database: Database, tags: Tags) -> Resources:
    return {
        id_: resource(
            "AWS::Logs::LogGroup",
            {
                "LogGroupName": sub(name),
                "RetentionInDays": database.log_days,
                "KmsKeyId": attribute("KMSKey", "Arn"),
                "Tags": tags(f"aurora-{name.rpartition('/')[2]}-log"),
            },
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        )
        for id_, name in log_groups(database).items()
    }


def _monitoring_role(tags: Tags) -> Body:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "monitoring.rds.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
    }
    managed = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    return resource(
        "AWS::IAM::Role",
        {
            "RoleName": suffixed("aurora-enhanced-monitoring-role"),
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "ManagedPolicyArns": [sub(managed)],
            "Tags": tags("aurora-enhanced-monitoring-role"),
        },
    )


def _cluster(settings: TransactionDatabase, tags: Tags) -> Body:
    destroyed = settings.removal == "destroy"
    policy = "Delete" if destroyed else "Snapshot"
    return resource(
        "AWS::RDS::DBCluster",
        {
            "DBClusterIdentifier": suffixed(CLUSTER),
            "Engine": "aurora-mysql",
            "EngineMode": "provisioned",
            "EngineVersion": settings.database.engine_version,
            "DatabaseName": ref("DBName"),
            "MasterUsername": ref("DBMasterUsername"),
            "MasterUserPassword": sub("{{resolve:secretsmanager:${DBPasswordSecret}:SecretString:password}}"),
            "Port": PORT,
            "DBSubnetGroupName": ref("DBSubnetGroup"),
            "DBClusterParameterGroupName": ref("DBClusterParameterGroup"),
            "VpcSecurityGroupIds": [attribute("DBSecurityGroup", "GroupId")],
            "StorageEncrypted": True,
            "KmsKeyId": attribute("KMSKey", "Arn"),
            "BackupRetentionPeriod": ref("BackupRetentionPeriod"),
            "PreferredBackupWindow": ref("PreferredBackupWindow"),
            "PreferredMaintenanceWindow": ref("PreferredMaintenanceWindow"),
            "EnableCloudwatchLogsExports": exported_logs(settings.database),
            "DatabaseInsightsMode": "standard",
            **_insights("PerformanceInsightsEnabled", "PerformanceInsightsKmsKeyId"),
            "CopyTagsToSnapshot": True,
            "DeletionProtection": False if destroyed else {"Fn::If": [PROTECTED, True, False]},
            "Tags": tags(CLUSTER, Purpose="Transaction Processing"),
        },
        DependsOn=list(log_groups(settings.database)),
        DeletionPolicy=policy,
        UpdateReplacePolicy=policy,
    )


def _instance(n: int, tags: Tags, *, long_term: bool) -> Body:
    """Return an instance; the first is there before the others, so that it is the writer at creation."""
    stem = f"aurora-mysql-instance-{n}"
    body = resource(
        "AWS::RDS::DBInstance",
        {
            "DBInstanceIdentifier": suffixed(stem),
            "DBClusterIdentifier": ref("AuroraCluster"),
            "DBInstanceClass": ref("DBInstanceClass"),
            "Engine": "aurora-mysql",
            "DBParameterGroupName": ref("DBParameterGroup"),
            "PromotionTier": n,
            "PubliclyAccessible": False,
            # AWS advises against it on long-term versions: the next minor version is not one.
            "AutoMinorVersionUpgrade": not long_term,
            **_insights("EnablePerformanceInsights", "PerformanceInsightsKMSKeyId"),
            "MonitoringInterval": MONITORING_SECONDS,
            "MonitoringRoleArn": attribute("MonitoringRole", "Arn"),
            "Tags": tags(stem, InitialRole="Primary" if n == 1 else "Read Replica"),
        },
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
    )
    if n > 1:
        body["DependsOn"] = [INSTANCES[0]]
    return body


def _insights(switch: str, key: str) -> Body:
    return {switch: True, key: attribute("KMSKey", "Arn"), "PerformanceInsightsRetentionPeriod": INSIGHTS_DAYS}
