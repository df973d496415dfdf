"""Readers that are added under load and taken away again."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_rds as rds
from constructs import Construct


class ReaderScaling(Construct):
    """Between `least` and `most` readers, by the average CPU of those there are.

    `least` counts the readers of the template, which are never taken away. A new reader takes minutes to serve, so the
    cooldowns are long.
    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Integrating.AutoScaling.html
    """

    def __init__(
        self, scope: Construct, id_: str, *, cluster: rds.IDatabaseCluster, least: int, most: int, cpu_percent: int
    ) -> None:
        super().__init__(scope, id_)
        self.target = scaling.ScalableTarget(
            self,
            "Target",
            service_namespace=scaling.ServiceNamespace.RDS,
            scalable_dimension="rds:cluster:ReadReplicaCount",
            resource_id=f"cluster:{cluster.cluster_identifier}",
            min_capacity=least,
            max_capacity=most,
        )
        self.target.scale_to_track_metric(
            "Cpu",
            target_value=cpu_percent,
            predefined_metric=scaling.PredefinedMetric.RDS_READER_AVERAGE_CPU_UTILIZATION,
            scale_in_cooldown=Duration.minutes(15),
            scale_out_cooldown=Duration.minutes(5),
        )
