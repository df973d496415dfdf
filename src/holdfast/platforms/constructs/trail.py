"""An audit trail whose files are encrypted, validated and locked."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from constructs import Construct

from holdfast.platforms.constructs.bucket import SecureBucket


class AuditTrail(Construct):
    """A multi-region trail with log-file validation that records every access to the objects below `data_arns`.

    `key_arn`'s policy must let the trail use it (`key.trail_may_use`); without it the trail cannot be created.
    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
    """

    def __init__(
        self, scope: Construct, id_: str, *, name: str, bucket: SecureBucket, key_arn: str, data_arns: Sequence[str]
    ) -> None:
        super().__init__(scope, id_)
        account, target = Stack.of(self).account, bucket.bucket
        service = iam.ServicePrincipal("cloudtrail.amazonaws.com")
        same_trail = {"aws:SourceArn": trail_arn(self, name)}
        target.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowTrailAclCheck",
                principals=[service],
                actions=["s3:GetBucketAcl"],
                resources=[target.bucket_arn],
                conditions={"StringEquals": same_trail},
            )
        )
        target.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowTrailWrite",
                principals=[service],
                actions=["s3:PutObject"],
                resources=[target.arn_for_objects(f"AWSLogs/{account}/*")],
                conditions={"StringEquals": {**same_trail, "s3:x-amz-acl": "bucket-owner-full-control"}},
            )
        )
        self.trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=name,
            s3_bucket_name=target.bucket_name,
            kms_key_id=key_arn,
            is_logging=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            event_selectors=[
                cloudtrail.CfnTrail.EventSelectorProperty(
                    include_management_events=True,
                    read_write_type="All",
                    data_resources=[
                        cloudtrail.CfnTrail.DataResourceProperty(type="AWS::S3::Object", values=list(data_arns))
                    ],
                )
            ],
        )
        policy = target.policy
        assert policy is not None
        self.trail.node.add_dependency(policy)


def trail_arn(scope: Construct, name: str) -> str:
    """Return the ARN that a trail of this name will have in the stack's region."""
    return Stack.of(scope).format_arn(service="cloudtrail", resource="trail", resource_name=name)
