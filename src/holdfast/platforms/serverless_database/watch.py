"""What is watched: capacity as the cluster's, everything else as the writer's or the readers'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.platforms.constructs.acceptance import accept
from holdfast.platforms.constructs.alarms import Alarms, waiting_in
from holdfast.platforms.constructs.database_alarms import above, failed_rotation, lag_of, whole, writer_of

if TYPE_CHECKING:
    from holdfast.platforms.serverless_database.stack import ServerlessStack


def watch(stack: ServerlessStack) -> None:
    """Build every alarm; a dead writer sends no figures, so its silence rings too."""
    alarms = Alarms(stack, "Watch", topic=stack.topic, prefix="aurora", suffix=stack.names.suffix)
    _watch_capacity(alarms, stack)
    _watch_instances(alarms, stack)
    alarms.add(
        "Rotation",
        "rotation",
        "The master password could not be rotated. The function's log says why; logins go on with the old one.",
        failed_rotation(stack.database.shape.rotation_function),
    )
    if stack.lost_exports:
        alarms.add(
            "LostExports",
            "lost-exports",
            "An export could not be started. The message in the queue says why; start it by hand when that is mended.",
            waiting_in(stack.lost_exports.queue_name),
        )


def _watch_capacity(alarms: Alarms, stack: ServerlessStack) -> None:
    settings, cluster = stack.settings, whole(stack.database.cluster_id)
    bound, percent = settings.capacity_threshold, settings.alarms.acu_percent
    alarms.add(
        "Capacity",
        "capacity-high",
        f"Capacity is near its largest, {settings.database.max_capacity:g} ACU. Raise it, or find the query.",
        above("ServerlessDatabaseCapacity", cluster, bound, statistic="Average", or_equal=True),
    )
    utilization = alarms.add(
        "Utilization",
        "acu-utilization",
        f"More than {percent} % of the largest capacity is in use.",
        above("ACUUtilization", cluster, percent, statistic="Average", or_equal=True),
    )
    accept(utilization, "ALM015", "readers of tier 1 have the writer's capacity or more: the average hides no writer")


def _watch_instances(alarms: Alarms, stack: ServerlessStack) -> None:
    settings, cluster = stack.settings, stack.database.cluster_id
    bound, percent, writer = settings.connection_threshold, settings.alarms.cpu_percent, writer_of(cluster)
    alarms.add(
        "Connections",
        "connections",
        f"The writer has {bound} connections of {settings.database.connections} it may have.",
        above("DatabaseConnections", writer, bound, statistic="Average", or_equal=True),
    )
    alarms.add(
        "Cpu",
        "writer-cpu",
        f"The writer's CPU is above {percent} %, or the writer is silent: it may be dead.",
        above("CPUUtilization", writer, percent, statistic="Average", or_equal=True, silence_is_wrong=True),
    )
    if settings.database.readers:
        alarms.add(
            "Lag",
            "replica-lag",
            "A reader is more than a second behind the writer: it answers with old data.",
            lag_of(cluster),
        )
