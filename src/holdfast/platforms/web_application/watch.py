"""The alarms: what a user feels first, then what causes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch

from holdfast.platforms.constructs.alarms import Alarms, Watch, any_of, least_of, level_of, silence_of
from holdfast.platforms.constructs.database_alarms import above, lag_of, whole, writer_of

if TYPE_CHECKING:
    from holdfast.platforms.web_application.monitoring import MonitoringStack

# ACM renews 60 days before the end; below 30 it has failed to.
# Source: https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html
_RENEWED_DAYS = 30
_DAY = 86400
# A daily job, and the time it may take to begin and to end.
_SILENCE_HOURS = 30
_SILENT = cloudwatch.TreatMissingData.BREACHING


def watch(alarms: Alarms, stack: MonitoringStack) -> None:
    """Build every alarm."""
    _watch_requests(alarms, stack)
    _watch_containers(alarms, stack)
    _watch_tasks(alarms, stack)
    _watch_database(alarms, stack)
    _watch_data(alarms, stack)


def _watch_requests(alarms: Alarms, stack: MonitoringStack) -> None:
    bounds = stack.settings.alarms
    alarms.add(
        "ResponseTime",
        "response-time",
        f"One request in twenty takes more than {bounds.response_seconds:g} s. Look at database and tasks.",
        Watch(
            namespace="AWS/ApplicationELB",
            metric="TargetResponseTime",
            dimensions=stack.balancer,
            statistic="p95",
            period_seconds=60,
            threshold=bounds.response_seconds,
            comparison=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            periods=5,
        ),
    )
    for id_, name, metric, who in (
        ("TargetErrors", "target-5xx", "HTTPCode_Target_5XX_Count", "The containers answer"),
        ("BalancerErrors", "balancer-5xx", "HTTPCode_ELB_5XX_Count", "No container can answer: the balancer sends"),
    ):
        alarms.add(
            id_,
            name,
            f"{who} 5xx, {bounds.errors} times in five minutes. The containers' log says why.",
            Watch(
                namespace="AWS/ApplicationELB",
                metric=metric,
                dimensions=stack.balancer,
                statistic="Sum",
                period_seconds=300,
                threshold=bounds.errors,
            ),
        )
    alarms.add(
        "Certificate",
        "certificate-expires",
        f"The certificate ends in less than {_RENEWED_DAYS} days: ACM could not renew it. Look at its validation.",
        least_of("AWS/CertificateManager", "DaysToExpiry", stack.certificate, below=_RENEWED_DAYS, period_seconds=_DAY),
    )


def _watch_containers(alarms: Alarms, stack: MonitoringStack) -> None:
    settings = stack.settings
    alarms.add(
        "UnhealthyTargets",
        "unhealthy-targets",
        "A container fails its health check and is replaced. If that goes on, look at its log and the database.",
        level_of(
            "AWS/ApplicationELB",
            "UnHealthyHostCount",
            stack.targets,
            above=1,
            period_seconds=60,
            periods=3,
            or_equal=True,
        ),
    )
    alarms.add(
        "NoHealthyTarget",
        "no-healthy-target",
        "No container serves: the application is down.",
        least_of("AWS/ApplicationELB", "HealthyHostCount", stack.targets, below=1, periods=2, missing=_SILENT),
    )
    alarms.add(
        "FewTasks",
        "few-tasks",
        f"Fewer than {settings.application.min_tasks} tasks run: they cannot start. The service's events say why.",
        least_of(
            "ECS/ContainerInsights",
            "RunningTaskCount",
            stack.service,
            below=settings.application.min_tasks,
            periods=5,
            missing=_SILENT,
        ),
    )


def _watch_tasks(alarms: Alarms, stack: MonitoringStack) -> None:
    bound = stack.settings.alarms.cpu_percent
    for id_, metric, what in (("Cpu", "CPUUtilization", "processors"), ("Memory", "MemoryUtilization", "memory")):
        alarms.add(
            f"Tasks{id_}",
            f"tasks-{id_.lower()}",
            f"The tasks use more than {bound} % of their {what} although scaling adds tasks. Raise their number.",
            Watch(
                namespace="AWS/ECS",
                metric=metric,
                dimensions=stack.service,
                statistic="Average",
                period_seconds=60,
                threshold=bound,
                periods=10,
            ),
        )


def _watch_database(alarms: Alarms, stack: MonitoringStack) -> None:
    settings, bounds = stack.settings, stack.settings.alarms
    cluster, database = stack.cluster_id, settings.database
    alarms.add(
        "DatabaseCpu",
        "database-cpu",
        f"The writer's CPU is above {bounds.cpu_percent} %, or the writer is silent: it may be dead.",
        above("CPUUtilization", writer_of(cluster), bounds.cpu_percent, statistic="Average", silence_is_wrong=True),
    )
    alarms.add(
        "DatabaseCapacity",
        "database-capacity",
        f"More than {bounds.acu_percent} % of {database.max_capacity:g} ACU is in use. Raise database.max_capacity.",
        above("ACUUtilization", whole(cluster), bounds.acu_percent, or_equal=True),
    )
    alarms.add(
        "DatabaseConnections",
        "database-connections",
        f"The writer has {stack.settings.connection_threshold} connections of {database.connections} it may have.",
        above("DatabaseConnections", writer_of(cluster), settings.connection_threshold, or_equal=True),
    )
    alarms.add(
        "DatabaseLag",
        "database-lag",
        "A reader is more than a second behind the writer: it answers with old data.",
        lag_of(cluster),
    )


def _watch_data(alarms: Alarms, stack: MonitoringStack) -> None:
    table = {"TableName": stack.table_name}
    for kind in ("Read", "Write"):
        alarms.add(
            f"Throttled{kind}s",
            f"sessions-throttled-{kind.lower()}s",
            "Sessions are refused: one key or the whole table is asked for more than DynamoDB gives. Find the hot key.",
            any_of("AWS/DynamoDB", f"{kind}ThrottleEvents", table),
        )
    for how in ("Failed", "Expired"):
        alarms.add(
            f"Backups{how}",
            f"backups-{how.lower()}",
            "A backup job did not end well. AWS Backup's job list says why; start it again by hand.",
            any_of("AWS/Backup", f"NumberOfBackupJobs{how}", stack.vault),
        )
    alarms.add(
        "NoBackup",
        "no-backup",
        f"No backup was completed in {_SILENCE_HOURS} hours: nothing failed loudly, and nothing was saved either.",
        silence_of("AWS/Backup", "NumberOfBackupJobsCompleted", stack.vault, hours=_SILENCE_HOURS),
    )
