"""Buckets that are private, encrypted, versioned and reached over TLS alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct


@dataclass(frozen=True, kw_only=True)
class ObjectLock:
    """How long each stored version cannot be destroyed, and whether a special permission ends that early."""

    mode: Literal["governance", "compliance"]
    days: int

    def retention(self) -> s3.ObjectLockRetention:
        """Return it as the CDK says it."""
        period = Duration.days(self.days)
        if self.mode == "governance":
            return s3.ObjectLockRetention.governance(period)
        return s3.ObjectLockRetention.compliance(period)


class SecureBucket(Construct):
    """A bucket with public access blocked, owner enforced, versions kept and plain HTTP denied.

    Args:
        key: the KMS key of its objects; None means SSE-S3, the only default encryption a log target may have.
        lock: Object Lock with this default retention. A bucket with a lock cannot be a target of server access logs
            (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html).
        data_key_per_bucket: an S3 Bucket Key, which spares KMS requests; the encryption context is then the bucket,
            so that it must be off where a key policy asks for another context, as CloudTrail's does.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        key: kms.IKey | None,
        removal: RemovalPolicy,
        lifecycle: Sequence[s3.LifecycleRule],
        lock: ObjectLock | None = None,
        data_key_per_bucket: bool = True,
    ) -> None:
        super().__init__(scope, id_)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=name,
            versioned=True,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=data_key_per_bucket if key else None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            lifecycle_rules=list(lifecycle),
            object_lock_enabled=True if lock else None,
            object_lock_default_retention=lock.retention() if lock else None,
            removal_policy=removal,
        )

    @property
    def resource(self) -> s3.CfnBucket:
        """The CloudFormation resource, for what the CDK cannot say without a function of its own."""
        child = self.bucket.node.default_child
        assert isinstance(child, s3.CfnBucket)
        return child

    def log_to(self, target: SecureBucket, *, prefix: str, source_arn: str, account: str) -> None:
        """Send server access logs to `target`, which accepts them from this bucket of this account alone.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
        """
        self.resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=target.bucket.bucket_name, log_file_prefix=prefix
        )
        target.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowAccessLogs",
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[target.bucket.arn_for_objects(f"{prefix}*")],
                conditions={"ArnLike": {"aws:SourceArn": source_arn}, "StringEquals": {"aws:SourceAccount": account}},
            )
        )

    def demand_new_names(self, prefix: str) -> None:
        """Deny every write below `prefix` that could replace an object: it must carry If-None-Match.

        A thief of the writer's role can then add objects, but neither replace nor delete one. The parts of a multipart
        upload carry no such header; only its completion creates an object, and that one is held to the rule.
        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
        """
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="DenyReplacingObjects",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects(f"{prefix}*")],
                conditions={
                    "Null": {"s3:if-none-match": "true"},
                    "Bool": {"s3:ObjectCreationOperation": "true"},
                },
            )
        )

    def let_accounts_read(self, accounts: Sequence[str], prefix: str) -> None:
        """Let other accounts list and read below `prefix`; they need the key as well."""
        if not accounts:
            return
        principals: list[iam.IPrincipal] = [iam.AccountPrincipal(account) for account in accounts]
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowTrustedAccountsRead",
                principals=principals,
                actions=["s3:GetObject", "s3:GetObjectVersion"],
                resources=[self.bucket.arn_for_objects(f"{prefix}*")],
            )
        )
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowTrustedAccountsList",
                principals=principals,
                actions=["s3:ListBucket"],
                resources=[self.bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": [f"{prefix}*"]}},
            )
        )
