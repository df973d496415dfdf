"""A bucket that can be deleted with its stack because something empties it first."""

from __future__ import annotations

from importlib.resources import files

from aws_cdk import CustomResource
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from holdfast.platforms.constructs.function import FunctionShape, PythonFunction, allow

_SECONDS = 900


class EmptiedBucket(Construct):
    """A function that deletes every object of `bucket`, and all versions, when its stack is deleted.

    The function's code is in the template, so that a stack needs no asset for it. `log_key` has to admit the log
    group of `name` (`function.log_group_name`).
    """

    def __init__(self, scope: Construct, id_: str, *, bucket: s3.Bucket, name: str, log_key: kms.IKey) -> None:
        super().__init__(scope, id_)
        source = files("holdfast.platforms.inline").joinpath("empty_bucket.py").read_text(encoding="utf-8")
        shape = FunctionShape(
            code=lambda_.Code.from_inline(source), architecture=lambda_.Architecture.ARM_64, key=log_key
        )
        function = PythonFunction(
            self,
            "Empty",
            shape=shape,
            name=name,
            handler="index.handler",
            description="Empties the bucket when its stack is deleted",
            timeout_seconds=_SECONDS,
            memory_mb=256,
            environment={},
            statements=[
                allow("ListVersions", ["s3:ListBucketVersions"], [bucket.bucket_arn]),
                allow("DeleteVersions", ["s3:DeleteObject", "s3:DeleteObjectVersion"], [bucket.arn_for_objects("*")]),
            ],
        )
        self.role = function.role
        self.resource = CustomResource(
            self,
            "Emptied",
            resource_type="Custom::EmptiedBucket",
            service_token=function.function.function_arn,
            properties={"Bucket": bucket.bucket_name},
        )
