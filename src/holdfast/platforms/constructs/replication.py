"""Replication of a bucket into another region, measured."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

# The time S3 RTC is published to need for 99.99 % of objects, and the only threshold it takes.
# Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html
RTC_MINUTES = 15


class ReplicationRole(Construct):
    """The role with which S3 copies every version, lock and delete marker of one bucket into another.

    Its rights stand in the role itself, so that the role is whole before the bucket names it.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html, and for
    buckets with Object Lock https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        source_arn: str,
        source_key_arn: str,
        source_region: str,
        replica_arn: str,
        replica_key_arn: str,
        replica_region: str,
    ) -> None:
        super().__init__(scope, id_)
        statements = [
            iam.PolicyStatement(
                sid="ReadConfiguration",
                actions=["s3:GetReplicationConfiguration", "s3:ListBucket"],
                resources=[source_arn],
            ),
            iam.PolicyStatement(
                sid="ReadVersions",
                actions=[
                    "s3:GetObjectVersionForReplication",
                    "s3:GetObjectVersionAcl",
                    "s3:GetObjectVersionTagging",
                    "s3:GetObjectRetention",
                    "s3:GetObjectLegalHold",
                ],
                resources=[f"{source_arn}/*"],
            ),
            iam.PolicyStatement(
                sid="WriteReplicas",
                actions=["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
                resources=[f"{replica_arn}/*"],
            ),
            _key_use("DecryptSource", "kms:Decrypt", source_key_arn, source_region, source_arn),
            _key_use("EncryptReplica", "kms:Encrypt", replica_key_arn, replica_region, replica_arn),
        ]
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("s3.amazonaws.com"),
            description="S3 replication into the second region",
            inline_policies={"Replicate": iam.PolicyDocument(statements=statements)},
        )


def replicate_everything(
    bucket: s3.CfnBucket,
    *,
    rule_id: str,
    role_arn: str,
    replica_arn: str,
    replica_key_arn: str,
    time_control: bool,
) -> None:
    """Copy every object, delete markers too, encrypted with the replica's own key, and publish metrics of it.

    Delete markers are copied so that what prune removes also leaves the replica; the versions behind them stay there
    as long as the replica's lifecycle says. Deletions of versions are never copied by S3.
    """
    minutes = s3.CfnBucket.ReplicationTimeValueProperty(minutes=RTC_MINUTES)
    rule = s3.CfnBucket.ReplicationRuleProperty(
        id=rule_id,
        status="Enabled",
        priority=1,
        filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=""),
        delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Enabled"),
        source_selection_criteria=s3.CfnBucket.SourceSelectionCriteriaProperty(
            sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(status="Enabled")
        ),
        destination=s3.CfnBucket.ReplicationDestinationProperty(
            bucket=replica_arn,
            encryption_configuration=s3.CfnBucket.EncryptionConfigurationProperty(replica_kms_key_id=replica_key_arn),
            metrics=s3.CfnBucket.MetricsProperty(status="Enabled", event_threshold=minutes if time_control else None),
            replication_time=s3.CfnBucket.ReplicationTimeProperty(status="Enabled", time=minutes)
            if time_control
            else None,
        ),
    )
    bucket.replication_configuration = s3.CfnBucket.ReplicationConfigurationProperty(role=role_arn, rules=[rule])


def _key_use(sid: str, action: str, key: str, region: str, bucket: str) -> iam.PolicyStatement:
    """Let S3 use a key for one bucket in one region."""
    return iam.PolicyStatement(
        sid=sid,
        actions=[action],
        resources=[key],
        conditions={
            "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
            # With an S3 Bucket Key the context is the bucket, without one it is the object.
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket, f"{bucket}/*"]},
        },
    )
