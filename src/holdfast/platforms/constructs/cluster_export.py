"""A cluster's data, exported to a bucket on a schedule."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from holdfast.platforms.constructs.function import allow

_PREFIX = "exports"


class ClusterExport(Construct):
    """EventBridge Scheduler starts an export of the whole cluster; what cannot be started goes to `dead_letters`.

    RDS clones the cluster and writes Parquet files, encrypted with `key`, below `exports/` of the bucket; the running
    cluster is not touched and no snapshot is needed. One export runs at a time.
    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/export-cluster-data.html
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        expression: str,
        cluster_arn: str,
        bucket: s3.IBucket,
        key: kms.IKey,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        self.writer = self._writer(bucket)
        starter = self._starter(key, dead_letters, self.writer)
        self.schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            name=name,
            description="Exports the cluster's data to the bucket",
            schedule_expression=expression,
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            state="ENABLED",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=f"arn:{Stack.of(self).partition}:scheduler:::aws-sdk:rds:startExportTask",
                role_arn=starter.role_arn,
                input=Stack.of(self).to_json_string(
                    {
                        # A task's name is unique for ever; the scheduler puts the run's own id here.
                        "ExportTaskIdentifier": f"{name}-<aws.scheduler.execution-id>",
                        "SourceArn": cluster_arn,
                        "S3BucketName": bucket.bucket_name,
                        "S3Prefix": _PREFIX,
                        "IamRoleArn": self.writer.role_arn,
                        "KmsKeyId": key.key_arn,
                    }
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.queue_arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=3
                ),
            ),
        )

    def _writer(self, bucket: s3.IBucket) -> iam.Role:
        """Return the role RDS writes with; the actions are those the export page asks for."""
        return iam.Role(
            self,
            "Writer",
            description="RDS exports write to one bucket",
            assumed_by=_of_this_account(self, "export.rds.amazonaws.com"),
            inline_policies={
                "Rights": iam.PolicyDocument(
                    statements=[
                        allow("SeeBucket", ["s3:ListBucket", "s3:GetBucketLocation"], [bucket.bucket_arn]),
                        allow(
                            "WriteExports",
                            ["s3:PutObject*", "s3:GetObject*", "s3:DeleteObject*"],
                            [bucket.arn_for_objects(f"{_PREFIX}/*")],
                        ),
                    ]
                )
            },
        )

    def _starter(self, key: kms.IKey, dead_letters: sqs.IQueue, writer: iam.Role) -> iam.Role:
        """Return the role the scheduler starts exports with; RDS takes its own grants on the key through it."""
        through_rds = {"StringEquals": {"kms:ViaService": f"rds.{Stack.of(self).region}.amazonaws.com"}}
        to_rds = {"StringEquals": {"iam:PassedToService": "export.rds.amazonaws.com"}}
        return iam.Role(
            self,
            "Starter",
            description="The scheduler starts exports of one cluster",
            assumed_by=_of_this_account(self, "scheduler.amazonaws.com"),
            inline_policies={
                "Rights": iam.PolicyDocument(
                    statements=[
                        # The action has no resource to name; the role it passes and the key are what bounds it.
                        iam.PolicyStatement(sid="StartExport", actions=["rds:StartExportTask"], resources=["*"]),
                        allow("PassWriter", ["iam:PassRole"], [writer.role_arn], to_rds),
                        allow("EncryptExports", ["kms:CreateGrant", "kms:DescribeKey"], [key.key_arn], through_rds),
                        allow("KeepLostStarts", ["sqs:SendMessage"], [dead_letters.queue_arn]),
                        allow("SealLostStarts", ["kms:Decrypt", "kms:GenerateDataKey"], [key.key_arn]),
                    ]
                )
            },
        )


def _of_this_account(scope: Construct, service: str) -> iam.ServicePrincipal:
    return iam.ServicePrincipal(service, conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}})
