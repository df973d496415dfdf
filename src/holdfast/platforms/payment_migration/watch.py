"""The alarms: what a user feels on either side, what holds the data, and what moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch

from holdfast.platforms.constructs.alarms import Alarms, Watch, any_of, level_of, silence_of, waiting_in
from holdfast.platforms.constructs.database_alarms import above, below, lag_of, writer_of
from holdfast.platforms.payment_migration.names import SIDES

if TYPE_CHECKING:
    from holdfast.platforms.payment_migration.stack import MigrationStack

_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_GIB = 1024**3
_BALANCER = "AWS/ApplicationELB"
# Operations of a table that is read and written by key.
_OPERATIONS = ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query")


def watch(stack: MigrationStack) -> None:
    """Build every alarm."""
    alarms = Alarms(stack, "Watch", topic=stack.topic, prefix="payment-migration", suffix=stack.names.suffix)
    _watch_requests(alarms, stack)
    _watch_sessions(alarms, stack)
    for side in SIDES:
        _watch_database(alarms, stack, side)
    _watch_replication(alarms, stack)
    _watch_switch(alarms, stack)


def _watch_requests(alarms: Alarms, stack: MigrationStack) -> None:
    bounds, balancer = stack.settings.alarms, {"LoadBalancer": stack.front.full_name}
    alarms.add(
        "ResponseTime",
        "response-time",
        f"One request in twenty takes more than {bounds.response_seconds:g} s. Rolls a cutover back.",
        Watch(
            namespace=_BALANCER,
            metric="TargetResponseTime",
            dimensions=balancer,
            statistic="p95",
            period_seconds=60,
            threshold=bounds.response_seconds,
            comparison=_ABOVE,
            periods=2,
        ),
    )
    for side in SIDES:
        targets = {**balancer, "TargetGroup": stack.groups[side].target_group_full_name}
        alarms.add(
            f"{side.capitalize()}Errors",
            f"{side}-errors",
            f"{side} answers {bounds.errors} times 5xx in a minute. Rolls a cutover back.",
            Watch(
                namespace=_BALANCER,
                metric="HTTPCode_Target_5XX_Count",
                dimensions=targets,
                statistic="Sum",
                period_seconds=60,
                threshold=bounds.errors,
            ),
        )
        alarms.add(
            f"{side.capitalize()}Unhealthy",
            f"{side}-unhealthy",
            f"A target of {side} fails its health check.",
            level_of(_BALANCER, "UnHealthyHostCount", targets, above=1, period_seconds=60, periods=3, or_equal=True),
        )


def _watch_sessions(alarms: Alarms, stack: MigrationStack) -> None:
    for operation in _OPERATIONS:
        alarms.add(
            f"Throttled{operation}",
            f"sessions-throttled-{operation.lower()}",
            f"DynamoDB throttles {operation} of the session table: look for a hot key.",
            any_of(
                "AWS/DynamoDB", "ThrottledRequests", {"TableName": stack.sessions.table_name, "Operation": operation}
            ),
        )


def _watch_database(alarms: Alarms, stack: MigrationStack, side: str) -> None:
    cluster, word = stack.databases[side].cluster_id, side.capitalize()
    connections = stack.settings.alarms.connections
    alarms.add(
        f"{word}Connections",
        f"{side}-connections",
        f"The writer of {side} has {connections} connections. Pool them, or take a larger class.",
        above("DatabaseConnections", writer_of(cluster), connections, or_equal=True),
    )
    alarms.add(
        f"{word}Cpu",
        f"{side}-cpu",
        f"The CPU of the writer of {side} is above 80 %, or the writer is silent: it may be dead.",
        above("CPUUtilization", writer_of(cluster), 80, statistic="Average", silence_is_wrong=True),
    )
    alarms.add(
        f"{word}Memory",
        f"{side}-memory",
        f"The writer of {side} has less than 1 GiB of free memory.",
        below("FreeableMemory", writer_of(cluster), _GIB),
    )
    if stack.settings.database.readers:
        alarms.add(
            f"{word}Lag",
            f"{side}-replica-lag",
            f"A reader of {side} is more than a second behind its writer.",
            lag_of(cluster),
        )


def _watch_replication(alarms: Alarms, stack: MigrationStack) -> None:
    """Watch each task; one that does not run sends no figures, which is not wrong."""
    capture, bound = stack.capture, stack.settings.alarms.lag_seconds
    for name, task in (("load", capture.load), ("forward", capture.forward), ("backward", capture.backward)):
        alarms.add(
            f"Lag{name.capitalize()}",
            f"lag-{name}",
            f"Replication ({name}) is more than {bound} s behind. Rolls a cutover back.",
            Watch(
                namespace="AWS/DMS",
                metric="CDCLatencyTarget",
                dimensions={
                    "ReplicationInstanceIdentifier": stack.names.stack,
                    "ReplicationTaskIdentifier": stack.task_id(task),
                },
                statistic="Maximum",
                period_seconds=60,
                threshold=bound,
                comparison=_ABOVE,
                periods=3,
            ),
        )


def _watch_switch(alarms: Alarms, stack: MigrationStack) -> None:
    function = {"FunctionName": stack.switch.function.function.function_name}
    alarms.add(
        "SwitchErrors",
        "switch-errors",
        "The switch function fails; a cutover under way stands still. Its log says why; the next run goes on.",
        any_of("AWS/Lambda", "Errors", function),
    )
    alarms.add(
        "RolledBack",
        "cutover-rolled-back",
        "A cutover was rolled back; the source takes everything. `holdfast cutover status` and the parameter say why.",
        any_of(stack.names.namespace, "RolledBack", {}),
    )
    alarms.add(
        "SwitchSilence",
        "switch-silence",
        "The switch function has not run for an hour: a cutover under way stands still, no fence is kept.",
        silence_of("AWS/Lambda", "Invocations", function, hours=1),
    )
    alarms.add(
        "SwitchLost",
        "switch-lost",
        "A run of the switch function was lost. The message in the queue says why.",
        waiting_in(stack.switch.lost.queue_name),
    )
