"""What is watched: capacity as the cluster's, everything else as the writer's or the readers'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.platforms.constructs.acceptance import accept
from holdfast.platforms.constructs.alarms import Alarms, level_of
from holdfast.platforms.constructs.database_alarms import above, failed_rotation, readers_of, whole, writer_of

if TYPE_CHECKING:
    from holdfast.platforms.serverless_database.stack import ServerlessStack

# Readers are milliseconds behind; a second means that one cannot follow.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Replication.html
_LAG_MILLISECONDS = 1000


def watch(stack: ServerlessStack) -> None:
    """Build every alarm; a dead writer sends no figures, so its silence rings too."""
    settings, bounds = stack.settings, stack.settings.alarms
    cluster = stack.database.cluster_id
    alarms = Alarms(stack, "Watch", topic=stack.topic, prefix="aurora", suffix=stack.names.suffix)
    alarms.add(
        "Capacity",
        "capacity-high",
        f"Capacity is near its largest, {settings.database.max_capacity:g} ACU. Raise it, or find the query.",
        above(
            "ServerlessDatabaseCapacity",
            whole(cluster),
            settings.capacity_threshold,
            statistic="Average",
            or_equal=True,
        ),
    )
    utilization = alarms.add(
        "Utilization",
        "acu-utilization",
        f"More than {bounds.acu_percent} % of the largest capacity is in use.",
        above("ACUUtilization", whole(cluster), bounds.acu_percent, statistic="Average", or_equal=True),
    )
    accept(utilization, "ALM015", "readers of tier 1 have the writer's capacity or more: the average hides no writer")
    alarms.add(
        "Connections",
        "connections",
        f"The writer has {settings.connection_threshold} connections of {settings.database.connections} it may have.",
        above(
            "DatabaseConnections",
            writer_of(cluster),
            settings.connection_threshold,
            statistic="Average",
            or_equal=True,
        ),
    )
    alarms.add(
        "Cpu",
        "writer-cpu",
        f"The writer's CPU is above {bounds.cpu_percent} %, or the writer is silent: it may be dead.",
        above(
            "CPUUtilization",
            writer_of(cluster),
            bounds.cpu_percent,
            statistic="Average",
            or_equal=True,
            silence_is_wrong=True,
        ),
    )
    alarms.add(
        "Rotation",
        "rotation",
        "The master password could not be rotated. The function's log says why; logins go on with the old one.",
        failed_rotation(stack.database.shape.rotation_function),
    )
    if settings.database.readers:
        alarms.add(
            "Lag",
            "replica-lag",
            "A reader is more than a second behind the writer: it answers with old data.",
            above("AuroraReplicaLag", readers_of(cluster), _LAG_MILLISECONDS),
        )
    if stack.lost_exports:
        alarms.add(
            "LostExports",
            "lost-exports",
            "An export could not be started. The message in the queue says why; start it by hand when that is mended.",
            level_of(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": stack.lost_exports.queue_name},
                above=1,
                or_equal=True,
            ),
        )
