"""The fence, `read_only` of a cluster's parameter group, and the flow, a DMS task in each direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.cutover.ports import Clock, Fence, Flow, FlowStatus
from holdfast.cutover.state import Environment
from holdfast.errors import NotFound

READ_ONLY = "read_only"
ON = {"1", "on", "true"}
IN_FORCE = "in-sync"
PERIOD = timedelta(minutes=1)
LOOK_BACK = timedelta(minutes=10)
LAGS = ("CDCLatencySource", "CDCLatencyTarget")
PENDING = "CDCIncomingChanges"
# https://docs.aws.amazon.com/dms/latest/APIReference/API_ReplicationTask.html
STATUSES = {
    "running": FlowStatus.RUNNING,
    "created": FlowStatus.STOPPED,
    "ready": FlowStatus.STOPPED,
    "stopped": FlowStatus.STOPPED,
    "failed": FlowStatus.FAILED,
}
NEVER_RUN = ("creating", "created", "ready")


@dataclass(frozen=True, kw_only=True)
class Flows:
    """The tasks' ARNs by the environment they read, and the identifier of the instance that runs them.

    Where a side has two, the first loads the tables and goes on from there, once; the second carries changes alone and
    is the one that is ever started again from a time.
    """

    tasks: Mapping[Environment, Sequence[str]]
    instance: str


class AwsDatabases:
    """Two Aurora clusters of one region, by identifier, and the tasks between them."""

    def __init__(
        self, rds: Any, dms: Any, cloudwatch: Any, clusters: Mapping[Environment, str], flows: Flows, clock: Clock
    ) -> None:
        self._rds, self._dms, self._cloudwatch = rds, dms, cloudwatch
        self._clusters, self._flows, self._clock = dict(clusters), flows, clock

    def fence(self, environment: Environment) -> Fence:
        """Return whether clients may write there: what is asked for, and whether the writer says it is in force."""
        cluster = self._cluster(environment)
        closed = self._read_only(cluster["DBClusterParameterGroup"])
        if _writer_state(cluster) == IN_FORCE:
            return Fence.CLOSED if closed else Fence.OPEN
        return Fence.CLOSING if closed else Fence.OPENING

    def set_fence(self, environment: Environment, *, closed: bool) -> None:
        """Ask for it; the parameter is dynamic, so that no instance restarts."""
        group = self._cluster(environment)["DBClusterParameterGroup"]
        parameter = {"ParameterName": READ_ONLY, "ParameterValue": str(int(closed)), "ApplyMethod": "immediate"}
        with aws_errors(f"setting {READ_ONLY} of {group}"):
            self._rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=group, Parameters=[parameter])

    def flow(self, source: Environment) -> Flow:
        """Return the state of the flow out of `source`, measured by the newest minute that all its metrics have."""
        task = self._current(source)
        status = STATUSES.get(task["Status"], FlowStatus.CHANGING)
        errors = int(task.get("ReplicationTaskStats", {}).get("TablesErrored", 0))
        if status is not FlowStatus.RUNNING:
            return Flow(status=status, tables_in_error=errors)
        lags, pending, as_of = self._measured(task["ReplicationTaskArn"])
        lag = max(lags) if len(lags) == len(LAGS) else None
        return Flow(status=status, lag_seconds=lag, pending=pending, as_of=as_of, tables_in_error=errors)

    def start_flow(self, source: Environment, *, since: datetime | None) -> None:
        """Ask for it: a task of changes alone may start at any time that the source's binary log reaches back to."""
        if since is None:
            arn, how = self._current(source)["ReplicationTaskArn"], {"StartReplicationTaskType": "resume-processing"}
        else:
            arn = self._flows.tasks[source][-1]
            how = {"StartReplicationTaskType": "start-replication", "CdcStartTime": since}  # type: ignore[dict-item]
        with aws_errors(f"starting {arn}"):
            self._dms.start_replication_task(ReplicationTaskArn=arn, **how)

    def stop_flow(self, source: Environment) -> None:
        """Ask for its end."""
        arn = self._current(source)["ReplicationTaskArn"]
        with aws_errors(f"stopping {arn}"):
            self._dms.stop_replication_task(ReplicationTaskArn=arn)

    def _cluster(self, environment: Environment) -> dict[str, Any]:
        name = self._clusters[environment]
        with aws_errors(f"reading cluster {name}"):
            found = self._rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
        return dict(found[0])

    def _read_only(self, group: str) -> bool:
        with aws_errors(f"reading {group}"):
            pages = self._rds.get_paginator("describe_db_cluster_parameters")
            for page in pages.paginate(DBClusterParameterGroupName=group, Source="user"):
                for one in page["Parameters"]:
                    if one["ParameterName"] == READ_ONLY:
                        return str(one.get("ParameterValue", "")).lower() in ON
        return False

    def _current(self, source: Environment) -> dict[str, Any]:
        """Return the last of a side's tasks that has ever run, or its first."""
        *earlier, last = [self._task(arn) for arn in self._flows.tasks[source]]
        return earlier[0] if earlier and last["Status"] in NEVER_RUN else last

    def _task(self, arn: str) -> dict[str, Any]:
        wanted = [{"Name": "replication-task-arn", "Values": [arn]}]
        with aws_errors(f"reading {arn}"):
            found = self._dms.describe_replication_tasks(Filters=wanted, WithoutSettings=True)["ReplicationTasks"]
        if not found:
            raise NotFound(f"replication task {arn} does not exist; deploy the platform anew")
        return dict(found[0])

    def _measured(self, arn: str) -> tuple[list[float], float | None, datetime | None]:
        """Return both lags and the waiting changes of the newest minute common to the metrics.

        Source: https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Monitoring.html
        """
        dimensions = [
            {"Name": "ReplicationInstanceIdentifier", "Value": self._flows.instance},
            {"Name": "ReplicationTaskIdentifier", "Value": arn.rsplit(":", 1)[-1]},
        ]
        queries = [_query(name, dimensions) for name in (*LAGS, PENDING)]
        now = self._clock.now()
        with aws_errors(f"reading the metrics of {arn}"):
            answer = self._cloudwatch.get_metric_data(
                MetricDataQueries=queries, StartTime=now - LOOK_BACK, EndTime=now, ScanBy="TimestampDescending"
            )
        series = {
            one["Label"]: dict(zip(one["Timestamps"], one["Values"], strict=True))
            for one in answer["MetricDataResults"]
        }
        common = set.intersection(*(set(series.get(name, {})) for name in (*LAGS, PENDING)))
        if not common:
            return [], None, None
        newest = max(common)
        return [float(series[name][newest]) for name in LAGS], float(series[PENDING][newest]), newest


def _writer_state(cluster: Mapping[str, Any]) -> str:
    """Return the parameter group's state on the writer; readers take no writes whatever theirs is."""
    states = [
        str(one.get("DBClusterParameterGroupStatus")) for one in cluster["DBClusterMembers"] if one["IsClusterWriter"]
    ]
    return states[0] if states else "no writer"


def _query(metric: str, dimensions: list[dict[str, str]]) -> dict[str, Any]:
    wanted = {"Namespace": "AWS/DMS", "MetricName": metric, "Dimensions": dimensions}
    statistic = {"Metric": wanted, "Period": round(PERIOD.total_seconds()), "Stat": "Maximum"}
    return {"Id": metric[0].lower() + metric[1:], "Label": metric, "MetricStat": statistic}
