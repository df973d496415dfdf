"""What is watched on a cluster: by role, so that a failover changes nothing, and never an average over instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sns as sns
from constructs import Construct

from holdfast.platforms.constructs.alarms import Watch, any_of
from holdfast.platforms.constructs.key import use_by_service

_AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_SILENT = cloudwatch.TreatMissingData.BREACHING

# Readers are milliseconds behind; a second means that one cannot follow.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Replication.html
LAG_MILLISECONDS = 1000

# Events whose loss or delay would hide a dead or failing database.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html
CLUSTER_EVENTS = ("failover", "failure", "deletion", "maintenance", "notification")
INSTANCE_EVENTS = ("availability", "failover", "failure", "deletion", "low storage", "recovery", "maintenance")


def writer_of(cluster: str) -> dict[str, str]:
    """Return the dimensions of whichever instance writes now."""
    return {"DBClusterIdentifier": cluster, "Role": "WRITER"}


def readers_of(cluster: str) -> dict[str, str]:
    """Return the dimensions of all that read now; watch them with Maximum or Minimum, never Average."""
    return {"DBClusterIdentifier": cluster, "Role": "READER"}


def whole(cluster: str) -> dict[str, str]:
    """Return the dimension of the cluster, for metrics that exist once: capacity, volume."""
    return {"DBClusterIdentifier": cluster}


def instance(name: str) -> dict[str, str]:
    """Return the dimension of one instance."""
    return {"DBInstanceIdentifier": name}


def above(
    metric: str,
    dimensions: dict[str, str],
    threshold: float,
    *,
    statistic: str = "Maximum",
    or_equal: bool = False,
    silence_is_wrong: bool = False,
) -> Watch:
    """Watch a gauge for being too high, twice in a row; with `silence_is_wrong` a dead database is too high as well."""
    return Watch(
        namespace="AWS/RDS",
        metric=metric,
        dimensions=dimensions,
        statistic=statistic,
        period_seconds=300,
        threshold=threshold,
        comparison=_AT_LEAST if or_equal else _ABOVE,
        periods=2,
        missing=_SILENT if silence_is_wrong else cloudwatch.TreatMissingData.NOT_BREACHING,
    )


def below(metric: str, dimensions: dict[str, str], threshold: float) -> Watch:
    """Watch a database's gauge for being too low, twice in a row: memory, local storage."""
    return replace(above(metric, dimensions, threshold, statistic="Minimum"), comparison=_BELOW)


def lag_of(cluster: str, milliseconds: int = LAG_MILLISECONDS) -> Watch:
    """Watch the readers for being further behind the writer than that."""
    return above("AuroraReplicaLag", readers_of(cluster), milliseconds)


def failed_rotation(function_name: str) -> Watch:
    """Watch the function that rotates a password: one error and the next login may fail."""
    return any_of("AWS/Lambda", "Errors", {"FunctionName": function_name})


def database_events_may_use(scope: Construct) -> iam.PolicyStatement:
    """Let RDS events reach a topic encrypted with the key: a statement of the key's policy.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Subscribing.html
    """
    return use_by_service(
        "AllowDatabaseEvents",
        "events.rds.amazonaws.com",
        actions=["kms:Decrypt", "kms:GenerateDataKey*"],
        conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
    )


class DatabaseEvents(Construct):
    """RDS tells `topic` of every failover, failure, restart and deletion of the cluster and its instances.

    The topic's key has to admit RDS: `database_events_may_use`.
    """

    def __init__(
        self, scope: Construct, id_: str, *, topic: sns.ITopic, name: str, cluster: str, instances: Sequence[str]
    ) -> None:
        super().__init__(scope, id_)
        allowed = topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowDatabaseEvents",
                principals=[iam.ServicePrincipal("events.rds.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        self.subscriptions = [
            rds.CfnEventSubscription(
                self,
                f"{id_}Events",
                sns_topic_arn=topic.topic_arn,
                subscription_name=f"{name}-{word}",
                source_type=kind,
                source_ids=list(sources),
                event_categories=list(categories),
                enabled=True,
            )
            for id_, word, kind, sources, categories in (
                ("Cluster", "cluster", "db-cluster", [cluster], CLUSTER_EVENTS),
                ("Instance", "instances", "db-instance", instances, INSTANCE_EVENTS),
            )
        ]
        # RDS publishes a test message when it subscribes, so the right must be there first.
        if allowed.policy_dependable:
            for one in self.subscriptions:
                one.node.add_dependency(allowed.policy_dependable)
