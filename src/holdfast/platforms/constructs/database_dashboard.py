"""A dashboard of a cluster, by role."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from holdfast.platforms.constructs.database_alarms import readers_of, writer_of

_FIVE_MINUTES = Duration.minutes(5)
_HALF = 12

# Title, unit, metric; writer and readers are drawn in one graph.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
_BY_ROLE = (
    ("CPU", "percent", "CPUUtilization"),
    ("Connections", "", "DatabaseConnections"),
    ("Free memory", "bytes", "FreeableMemory"),
    ("Free local storage", "bytes", "FreeLocalStorage"),
)
_OF_READERS = (("Replica lag", "ms", "AuroraReplicaLag"),)
_OF_WRITER = (("Commits", "a second", "CommitThroughput"), ("Commit latency", "ms", "CommitLatency"))


class DatabaseDashboard(Construct):
    """The alarms of a cluster, and what its writer and readers do."""

    def __init__(
        self, scope: Construct, id_: str, *, name: str, cluster: str, alarms: Sequence[cloudwatch.IAlarm]
    ) -> None:
        super().__init__(scope, id_)
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=name)
        self.dashboard.add_widgets(
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=2 * _HALF, height=3)
        )
        writer, readers = writer_of(cluster), readers_of(cluster)
        graphs = [
            _graph(title, unit, metric, {"writer": writer, "readers": readers}) for title, unit, metric in _BY_ROLE
        ]
        graphs += [_graph(title, unit, metric, {"readers": readers}) for title, unit, metric in _OF_READERS]
        graphs += [_graph(title, unit, metric, {"writer": writer}) for title, unit, metric in _OF_WRITER]
        for left in range(0, len(graphs), 2):
            self.dashboard.add_widgets(*graphs[left : left + 2])


def _graph(title: str, unit: str, metric: str, roles: dict[str, dict[str, str]]) -> cloudwatch.GraphWidget:
    low = metric.startswith("Free")
    return cloudwatch.GraphWidget(
        title=title,
        width=_HALF,
        left_y_axis=cloudwatch.YAxisProps(label=unit, min=0, show_units=False),
        left=[
            cloudwatch.Metric(
                namespace="AWS/RDS",
                metric_name=metric,
                dimensions_map=dimensions,
                # The worst of a role: of free space the least, of everything else the most.
                statistic="Minimum" if low else "Maximum",
                period=_FIVE_MINUTES,
                label=label,
            )
            for label, dimensions in roles.items()
        ],
    )
