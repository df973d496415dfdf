"""What is watched: the writer by its role, the readers by the worst of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch

from holdfast.platforms.constructs.alarms import Alarms, Watch, silence_of
from holdfast.platforms.constructs.database_alarms import above, below, failed_rotation, readers_of, whole, writer_of

if TYPE_CHECKING:
    from holdfast.platforms.payment_database.stack import PaymentStack

# A job begins within its window and takes its time, so that two end further apart than they were due.
_LATENESS_HOURS = 6


def watch(stack: PaymentStack) -> list[cloudwatch.Alarm]:
    """Build every alarm; a dead writer sends no figures, so its silence rings too."""
    alarms = Alarms(stack, "Watch", topic=stack.topic, prefix="payment-db", suffix=stack.names.suffix)
    return [alarms.add(id_, f"{name}-alarm", text, seen) for id_, name, text, seen in _watched(stack)]


def _watched(stack: PaymentStack) -> list[tuple[str, str, str, Watch]]:
    settings, bounds, cluster = stack.settings, stack.settings.alarms, stack.database.cluster_id
    found = [
        (
            "Cpu",
            "cpu",
            f"The writer's CPU is above {bounds.cpu_percent} %, or the writer is silent: it may be dead.",
            above("CPUUtilization", writer_of(cluster), bounds.cpu_percent, statistic="Average", silence_is_wrong=True),
        ),
        (
            "Storage",
            "storage",
            "An instance runs out of local storage, where sorts and temporary tables go. Look for the query.",
            below("FreeLocalStorage", whole(cluster), settings.storage_threshold),
        ),
        (
            "Memory",
            "memory",
            f"An instance has less than {bounds.memory_percent} % of its memory free.",
            below("FreeableMemory", whole(cluster), settings.memory_threshold),
        ),
        (
            "Connections",
            "connections",
            f"The writer has more than {settings.connection_threshold} connections. Pool them before it refuses any.",
            above("DatabaseConnections", writer_of(cluster), settings.connection_threshold),
        ),
        (
            "Rotation",
            "rotation",
            "The master password could not be rotated. The function's log says why; logins go on with the old one.",
            failed_rotation(stack.database.shape.rotation_function),
        ),
    ]
    if settings.database.readers:
        found += [
            (
                "ReaderCpu",
                "reader-cpu",
                f"The CPU of a reader is above {bounds.cpu_percent} %.",
                above("CPUUtilization", readers_of(cluster), bounds.cpu_percent),
            ),
            (
                "Lag",
                "replica-lag",
                f"A reader is more than {bounds.lag_milliseconds} ms behind the writer: it answers with old data.",
                above("AuroraReplicaLag", readers_of(cluster), bounds.lag_milliseconds),
            ),
        ]
    if settings.copies.gap:
        hours = math.ceil(settings.copies.gap.total_seconds() / 3600) + _LATENESS_HOURS
        found.append(
            (
                "Copies",
                "copies",
                f"No backup was completed in {hours} hours. AWS Backup's jobs say why.",
                silence_of(
                    "AWS/Backup",
                    "NumberOfBackupJobsCompleted",
                    {"BackupVaultName": stack.names.of("vault")},
                    hours=hours,
                ),
            )
        )
    return found
