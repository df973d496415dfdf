"""Emptying every bucket when the stack goes: only where `removal: destroy` is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import CustomResource

from holdfast.platforms.backup_system.figures import INITIATOR_MEMORY_MB, LONG_TIMEOUT
from holdfast.platforms.constructs.function import PythonFunction, allow

if TYPE_CHECKING:
    from constructs import IConstruct

    from holdfast.platforms.backup_system.primary import PrimaryStack


def empty_on_deletion(stack: PrimaryStack, *, writers: Sequence[IConstruct]) -> CustomResource:
    """Empty the buckets of both regions after `writers` are gone and before the buckets are.

    The replica's bucket is emptied from here, because its stack can only go after this one and runs no function. S3
    delivers access logs up to hours later: one that comes after the emptying has to be deleted by hand.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html
    """
    names, settings = stack.names, stack.settings
    replica = (settings.replica_region, names.replica_bucket)
    own = [(settings.region, one.bucket.bucket_name) for one in stack.buckets]
    arns = [*(one.bucket.bucket_arn for one in stack.buckets), names.bucket_arn(names.replica_bucket)]
    function = PythonFunction(
        stack,
        "Empty",
        shape=stack.shape,
        name=names.function("empty"),
        handler="holdfast.vault.empty.handler",
        description="Empties every bucket when the stack is deleted",
        timeout_seconds=round(LONG_TIMEOUT.total_seconds()),
        memory_mb=INITIATOR_MEMORY_MB,
        environment={},
        statements=[
            allow("ListVersions", ["s3:ListBucketVersions"], arns),
            allow("DeleteVersions", ["s3:DeleteObject", "s3:DeleteObjectVersion"], [f"{one}/*" for one in arns]),
        ],
    )
    emptied = CustomResource(
        stack,
        "Emptied",
        service_token=function.function.function_arn,
        resource_type="Custom::EmptiedBuckets",
        properties={"Buckets": [f"{region}/{name}" for region, name in [*own, replica]]},
    )
    emptied.node.add_dependency(*(one.bucket for one in stack.buckets))
    for writer in writers:
        writer.node.add_dependency(emptied)
    return emptied
