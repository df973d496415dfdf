"""A bucket that can be deleted with its stack because something empties it first."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from holdfast.platforms.constructs.function import allow
from holdfast.platforms.constructs.inline_function import InlineCustomResource


class EmptiedBucket(InlineCustomResource):
    """A function that deletes every object of `bucket`, and all versions, when its stack is deleted."""

    def __init__(self, scope: Construct, id_: str, *, bucket: s3.Bucket, name: str, log_key: kms.IKey) -> None:
        super().__init__(
            scope,
            id_,
            kind="EmptiedBucket",
            module="empty_bucket",
            name=name,
            description="Empties the bucket when its stack is deleted",
            log_key=log_key,
            statements=[
                allow("ListVersions", ["s3:ListBucketVersions"], [bucket.bucket_arn]),
                allow("DeleteVersions", ["s3:DeleteObject", "s3:DeleteObjectVersion"], [bucket.arn_for_objects("*")]),
            ],
            properties={"Bucket": bucket.bucket_name},
        )
