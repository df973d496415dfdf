"""What a stack needs in its account before CloudFormation sees it: its files in the bucket of the CDK's bootstrap."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from botocore.exceptions import ClientError

from holdfast.errors import InvalidRequest, NotFound
from holdfast.stacks.assembly import Asset, Stack
from holdfast.stacks.cloud import Cloud

# Longest template in a request, bytes; longer ones are fetched from S3.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LONGEST_BODY = 51_200


def publish(cloud: Cloud, stack: Stack) -> dict[str, str]:
    """Upload the stack's files unless they are there, and return how a request names its template.

    Raises:
        NotFound: the account has no bootstrap bucket in the stack's region.
        InvalidRequest: the template is too long for a request and the assembly names no bucket for it.
    """
    s3 = cloud.client("s3", stack.region)
    for asset in stack.assets:
        _upload(s3, asset, cloud.account, stack.region)
    body = json.dumps(stack.template, separators=(",", ":"))
    if len(body.encode()) <= LONGEST_BODY:
        return {"TemplateBody": body}
    if stack.template_bucket is None:
        raise InvalidRequest(
            f"stack {stack.name} has a template of {len(body):,} bytes, CloudFormation takes {LONGEST_BODY:,} in a "
            "request, and its assembly names no bucket: synthesize it with the default synthesizer"
        )
    key = f"{hashlib.sha256(body.encode()).hexdigest()}.json"
    _put(s3, stack.template_bucket, key, body.encode(), cloud.account, stack.region)
    return {"TemplateURL": f"https://s3.{stack.region}.amazonaws.com/{stack.template_bucket}/{key}"}


def _upload(s3: Any, asset: Asset, account: str, region: str) -> None:
    """Put the file unless it is there: its key is the digest of its content."""
    try:
        s3.head_object(Bucket=asset.bucket, Key=asset.key, ExpectedBucketOwner=account)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        _put(s3, asset.bucket, asset.key, asset.content(), account, region)


def _put(s3: Any, bucket: str, key: str, body: bytes, account: str, region: str) -> None:
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ExpectedBucketOwner=account)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
        raise NotFound(
            f"account {account} has no bucket {bucket} in {region}: run `npx aws-cdk bootstrap "
            f"aws://{account}/{region}` once, then deploy again"
        ) from error
