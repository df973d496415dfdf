"""The topic, the alarms and the database's events. Pure; no CDK here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.platforms.transaction_database.database import INSTANCES
from holdfast.platforms.transaction_database.secrets import ROTATION_FUNCTION
from holdfast.platforms.transaction_database.template import Body, Resources, Tags, ref, resource, suffixed

MEMORY_FLOOR_BYTES = 1073741824
BAND_WIDTH = 3
"""Standard deviations around what CloudWatch expects of the throughput at this hour."""

# Events whose loss or delay would hide a dead or failing database.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html
CLUSTER_EVENTS = ("failover", "failure", "deletion", "maintenance", "notification")
INSTANCE_EVENTS = ("availability", "failover", "failure", "deletion", "low storage", "recovery", "maintenance")


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """One figure of the database and when it is wrong; periods are of 300 seconds unless said."""

    stem: str
    description: str
    metric: str
    dimensions: Mapping[str, Any]
    threshold: Any
    statistic: str = "Maximum"
    comparison: str = "GreaterThanThreshold"
    seconds: int = 300
    periods: int = 2
    missing: str = "notBreaching"
    namespace: str = "AWS/RDS"


def watch(tags: Tags, more_alerts: Sequence[str]) -> Resources:
    """Return everything that is watched; each alarm tells the topic, and tells it again when all is well."""
    found = _topic(tags, more_alerts)
    for n, instance in enumerate(INSTANCES, 1):
        for id_, gauge in _of_instance(n, instance).items():
            found[id_] = _alarm(gauge, tags)
    for id_, gauge in _of_cluster().items():
        found[id_] = _alarm(gauge, tags)
    found["ThroughputAlarm"] = _throughput(tags)
    return found | _events(tags)


def _of_instance(n: int, instance: str) -> dict[str, Gauge]:
    """Return what is watched on every instance, because any of them may be the writer."""
    dimensions = {"DBInstanceIdentifier": ref(instance)}
    stem = f"aurora-mysql-{{}}-instance-{n}"
    return {
        f"CPUAlarmInstance{n}": Gauge(
            stem=stem.format("cpu"),
            description="Instance is busy: find the query in Database Insights, or choose a larger class",
            metric="CPUUtilization",
            dimensions=dimensions,
            statistic="Average",
            threshold=ref("CPUAlarmThreshold"),
        ),
        f"MemoryAlarmInstance{n}": Gauge(
            stem=stem.format("memory"),
            description="Less than 1 GiB of memory is free: look for large sorts and many connections",
            metric="FreeableMemory",
            dimensions=dimensions,
            statistic="Average",
            threshold=MEMORY_FLOOR_BYTES,
            comparison="LessThanThreshold",
        ),
        f"ReplicaLagAlarmInstance{n}": Gauge(
            stem=stem.format("replica-lag"),
            description="A reader is behind the writer: read from the writer, or relieve the reader",
            metric="AuroraReplicaLag",
            dimensions=dimensions,
            statistic="Average",
            threshold=ref("ReplicationLagThreshold"),
        ),
    }


def _of_cluster() -> dict[str, Gauge]:
    near = {"Fn::FindInMap": ["InstanceClasses", ref("DBInstanceClass"), "ConnectionsWarning"]}
    found = {
        "WriterSilentAlarm": Gauge(
            stem="aurora-mysql-writer-silent",
            description="No writer reports: it is dead or failing over. Look at the cluster's events",
            metric="EngineUptime",
            dimensions=_role("WRITER"),
            statistic="Minimum",
            threshold=1,
            comparison="LessThanThreshold",
            seconds=60,
            periods=3,
            missing="breaching",
        ),
        "RotationFailedAlarm": Gauge(
            stem="aurora-mysql-rotation-failed",
            description="The rotation function failed: its log says why. Logins go on with the old password",
            metric="Errors",
            dimensions={"FunctionName": suffixed(ROTATION_FUNCTION)},
            statistic="Sum",
            threshold=0,
            periods=1,
            namespace="AWS/Lambda",
        ),
    }
    for id_, role in (("Writer", "WRITER"), ("Reader", "READER")):
        found |= {
            f"Connections{id_}Alarm": Gauge(
                stem=f"aurora-mysql-connections-{role.lower()}",
                description="More connections than expected: pool them, or look for a client that leaks them",
                metric="DatabaseConnections",
                dimensions=_role(role),
                threshold=ref("ConnectionAlarmThreshold"),
            ),
            f"ConnectionLimit{id_}Alarm": Gauge(
                stem=f"aurora-mysql-connection-limit-{role.lower()}",
                description="80 % of what the class has memory for: beyond its limit connections are refused",
                metric="DatabaseConnections",
                dimensions=_role(role),
                threshold=near,
            ),
        }
    return found


def _role(role: str) -> dict[str, Any]:
    """Return the dimensions of whichever instance has a role; a failover changes nothing."""
    return {"DBClusterIdentifier": ref("AuroraCluster"), "Role": role}


def _alarm(gauge: Gauge, tags: Tags) -> Body:
    return _alarm_of(
        gauge.stem,
        gauge.description,
        tags,
        Namespace=gauge.namespace,
        MetricName=gauge.metric,
        Dimensions=_named(gauge.dimensions),
        Statistic=gauge.statistic,
        Period=gauge.seconds,
        EvaluationPeriods=gauge.periods,
        Threshold=gauge.threshold,
        ComparisonOperator=gauge.comparison,
        TreatMissingData=gauge.missing,
    )


def _throughput(tags: Tags) -> Body:
    """Return the alarm on transactions a second, outside of what CloudWatch has learnt to expect at the hour.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Anomaly_Detection.html
    """
    metric = {"Namespace": "AWS/RDS", "MetricName": "CommitThroughput", "Dimensions": _named(_role("WRITER"))}
    return _alarm_of(
        "aurora-mysql-throughput",
        "Far more or fewer commits a second than usual at this hour: look at the application first",
        tags,
        Metrics=[
            {"Id": "commits", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Average"}},
            {"Id": "expected", "Expression": f"ANOMALY_DETECTION_BAND(commits, {BAND_WIDTH})"},
        ],
        ThresholdMetricId="expected",
        ComparisonOperator="LessThanLowerOrGreaterThanUpperThreshold",
        EvaluationPeriods=3,
        TreatMissingData="notBreaching",
    )


def _named(dimensions: Mapping[str, Any]) -> list[Body]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


def _alarm_of(stem: str, description: str, tags: Tags, **properties: Any) -> Body:
    actions = [ref("AlarmTopic")]
    return resource(
        "AWS::CloudWatch::Alarm",
        {
            "AlarmName": suffixed(stem),
            "AlarmDescription": description,
            **properties,
            "AlarmActions": actions,
            "OKActions": actions,
            "Tags": tags(stem),
        },
    )


def _topic(tags: Tags, more_alerts: Sequence[str]) -> Resources:
    topic = ref("AlarmTopic")
    here = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    services = ["cloudwatch.amazonaws.com", "events.rds.amazonaws.com"]
    statements = [
        {
            "Sid": "AllowAlarmsAndEvents",
            "Effect": "Allow",
            "Principal": {"Service": services},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": here,
        },
        {
            "Sid": "DenyPlainText",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    addresses = [ref("AlarmEmailEndpoint"), *more_alerts]
    return {
        "AlarmTopic": resource(
            "AWS::SNS::Topic",
            {
                "TopicName": suffixed("aurora-alarms"),
                "DisplayName": "Aurora MySQL Database Alarms",
                "KmsMasterKeyId": ref("KMSKey"),
                "Subscription": [{"Protocol": "email", "Endpoint": address} for address in addresses],
                "Tags": tags("aurora-alarms"),
            },
        ),
        "AlarmTopicPolicy": resource(
            "AWS::SNS::TopicPolicy",
            {"Topics": [topic], "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}},
        ),
    }


def _events(tags: Tags) -> Resources:
    """Return the events of cluster and instances; RDS publishes a test when it subscribes, so the right is first."""
    return {
        id_: resource(
            "AWS::RDS::EventSubscription",
            {
                "SubscriptionName": suffixed(stem),
                "SnsTopicArn": ref("AlarmTopic"),
                "SourceType": kind,
                "SourceIds": [ref(source) for source in sources],
                "EventCategories": list(categories),
                "Enabled": True,
                "Tags": tags(stem),
            },
            DependsOn=["AlarmTopicPolicy"],
        )
        for id_, stem, kind, sources, categories in (
            ("ClusterEvents", "aurora-mysql-cluster-events", "db-cluster", ("AuroraCluster",), CLUSTER_EVENTS),
            ("InstanceEvents", "aurora-mysql-instance-events", "db-instance", INSTANCES, INSTANCE_EVENTS),
        )
    }
