"""What is watched: the writer by its role, the readers by the worst of them."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch

from holdfast.platforms.constructs.alarms import Alarms, silence_of
from holdfast.platforms.constructs.database_alarms import (
    above,
    below,
    failed_rotation,
    lag_of,
    readers_of,
    whole,
    writer_of,
)

if TYPE_CHECKING:
    from holdfast.platforms.payment_database.stack import PaymentStack

# A job begins within its window and takes its time, so that two end further apart than they were due.
_LATENESS_HOURS = 6


def watch(stack: PaymentStack) -> list[cloudwatch.Alarm]:
    """Build every alarm; a dead writer sends no figures, so its silence rings too."""
    alarms = Alarms(stack, "Watch", topic=stack.topic, prefix="payment-db", suffix=stack.names.suffix)
    found = _watch_instances(alarms, stack)
    if stack.settings.database.readers:
        found += _watch_readers(alarms, stack)
    if stack.settings.copies.gap:
        found.append(_watch_copies(alarms, stack, stack.settings.copies.gap))
    return found


def _watch_instances(alarms: Alarms, stack: PaymentStack) -> list[cloudwatch.Alarm]:
    settings, bounds, cluster = stack.settings, stack.settings.alarms, stack.database.cluster_id
    return [
        alarms.add(
            "Cpu",
            "cpu-alarm",
            f"The writer's CPU is above {bounds.cpu_percent} %, or the writer is silent: it may be dead.",
            above("CPUUtilization", writer_of(cluster), bounds.cpu_percent, statistic="Average", silence_is_wrong=True),
        ),
        alarms.add(
            "Storage",
            "storage-alarm",
            "An instance runs out of local storage, where sorts and temporary tables go. Look for the query.",
            below("FreeLocalStorage", whole(cluster), settings.storage_threshold),
        ),
        alarms.add(
            "Memory",
            "memory-alarm",
            f"An instance has less than {bounds.memory_percent} % of its memory free.",
            below("FreeableMemory", whole(cluster), settings.memory_threshold),
        ),
        alarms.add(
            "Connections",
            "connections-alarm",
            f"The writer has more than {settings.connection_threshold} connections. Pool them before it refuses any.",
            above("DatabaseConnections", writer_of(cluster), settings.connection_threshold),
        ),
        alarms.add(
            "Rotation",
            "rotation-alarm",
            "The master password could not be rotated. The function's log says why; logins go on with the old one.",
            failed_rotation(stack.database.shape.rotation_function),
        ),
    ]


def _watch_readers(alarms: Alarms, stack: PaymentStack) -> list[cloudwatch.Alarm]:
    bounds, cluster = stack.settings.alarms, stack.database.cluster_id
    return [
        alarms.add(
            "ReaderCpu",
            "reader-cpu-alarm",
            f"The CPU of a reader is above {bounds.cpu_percent} %.",
            above("CPUUtilization", readers_of(cluster), bounds.cpu_percent),
        ),
        alarms.add(
            "Lag",
            "replica-lag-alarm",
            f"A reader is more than {bounds.lag_milliseconds} ms behind the writer: it answers with old data.",
            lag_of(cluster, bounds.lag_milliseconds),
        ),
    ]


def _watch_copies(alarms: Alarms, stack: PaymentStack, gap: timedelta) -> cloudwatch.Alarm:
    hours = math.ceil(gap.total_seconds() / 3600) + _LATENESS_HOURS
    vault = {"BackupVaultName": stack.names.of("vault")}
    return alarms.add(
        "Copies",
        "copies-alarm",
        f"No backup was completed in {hours} hours. AWS Backup's jobs say why.",
        silence_of("AWS/Backup", "NumberOfBackupJobsCompleted", vault, hours=hours),
    )
