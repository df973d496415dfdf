"""Deploys to an embedded AWS exactly as to AWS, after doing there what `cdk bootstrap` does in an account."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from holdfast.rehearsal.ports import REHEARSAL_REGIONS, EmbeddedAws
from holdfast.stacks import deploy as stacks_deploy
from holdfast.stacks import destroy as stacks_destroy
from holdfast.stacks.assembly import Stack, read_assembly
from holdfast.stacks.change_set import CAPABILITIES
from holdfast.stacks.cloud import Cloud
from holdfast.stacks.deploy import DeployedStack, Deployment
from holdfast.stacks.follow import DeployFailed, Progress, Sleep, StackEvent

BOOTSTRAP_PARAMETER = "BootstrapVersion"
BOOTSTRAP_VERSION = "30"  # what a current `cdk bootstrap` leaves behind; templates refuse less than 6

__all__ = [
    "CAPABILITIES",
    "DeployFailed",
    "DeployedStack",
    "Deployment",
    "StackEvent",
    "bootstrap",
    "deploy",
    "destroy",
]


def deploy(
    aws: EmbeddedAws,
    what: Path | Sequence[Stack],
    progress: Progress = lambda _: None,
    *,
    import_existing: bool = False,
    sleep: Sleep = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Deployment:
    """Bring every stack to its template, in order: created, updated, or left alone if nothing changed.

    Args:
        what: the folder of a cloud assembly, or stacks in the order of deployment.
    Raises:
        DeployFailed: a stack failed; CloudFormation has rolled it back, those before it stand.
    """
    stacks = stacks_in(aws, what)
    for stack in stacks:
        bootstrap(aws, stack)
    return stacks_deploy.deploy(aws, stacks, progress, import_existing=import_existing, sleep=sleep, clock=clock)


def destroy(
    aws: EmbeddedAws, deployment: Deployment, progress: Progress = lambda _: None, *, sleep: Sleep = time.sleep
) -> list[str]:
    """Delete the stacks, last first; return the physical ids of what their templates retain."""
    return stacks_destroy.destroy(aws, deployment.stacks, progress, sleep=sleep)


def assumed(aws: Cloud, stacks: Sequence[Stack]) -> list[Stack]:
    """Make what parameters without a default take for granted in an account, and return the stacks with it."""
    found = []
    for stack in stacks:
        asked = [name for name, one in stack.template.get("Parameters", {}).items() if "Default" not in one]
        made = {name: ASSUMED[name](aws, stack.region) for name in asked if name in ASSUMED}
        found.append(stack.with_parameters({**made, **stack.parameters}))
    return found


def _certificate(aws: Cloud, region: str) -> str:
    answer = aws.client("acm", region).request_certificate(DomainName="rehearsal.example.com")
    return str(answer["CertificateArn"])


ASSUMED: dict[str, Callable[[Cloud, str], str]] = {
    "CertificateArn": _certificate,
    "ContainerImage": lambda aws, region: f"{aws.account}.dkr.ecr.{region}.amazonaws.com/rehearsal:1",
    "ReplicationCertificateArn": lambda aws, region: f"arn:aws:dms:{region}:{aws.account}:cert:REHEARSAL",
}


def stacks_in(aws: EmbeddedAws, what: Path | Sequence[Stack]) -> Sequence[Stack]:
    """Return the stacks of an assembly's folder, or those given."""
    if isinstance(what, Path):
        return read_assembly(what, account=aws.account, default_region=REHEARSAL_REGIONS[0])
    return what


def bootstrap(aws: Cloud, stack: Stack) -> None:
    """Make the buckets that the stack's files go to, and the parameter that tells the bootstrap's version."""
    s3 = aws.client("s3", stack.region)
    buckets = {asset.bucket for asset in stack.assets} | ({stack.template_bucket} if stack.template_bucket else set())
    for name in sorted(buckets):
        _make_bucket(s3, name, stack.region)
    parameter = stack.template.get("Parameters", {}).get(BOOTSTRAP_PARAMETER)
    if parameter:
        aws.client("ssm", stack.region).put_parameter(
            Name=parameter["Default"], Value=BOOTSTRAP_VERSION, Type="String", Overwrite=True
        )


def _make_bucket(s3: Any, bucket: str, region: str) -> None:
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **where)
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
