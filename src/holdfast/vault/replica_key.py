"""Custom resource that tells the primary stack the ARN of the other region's key.

CloudFormation cannot read another region's output. The replica stack leaves the ARN in one SSM parameter of its own
region; this reads it, so that every policy of the primary stack names the key and no wildcard.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Answer CloudFormation with `KeyArn`; a deletion changes nothing. Always answers, so that no stack hangs.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-responses.html
    """
    properties = event["ResourceProperties"]
    answer: dict[str, Any] = {
        "Status": "SUCCESS",
        "PhysicalResourceId": properties["Parameter"],
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    if event["RequestType"] != "Delete":
        answer |= _find(properties["Region"], properties["Parameter"])
    _send(event["ResponseURL"], answer)


def _find(region: str, parameter: str) -> dict[str, Any]:
    try:
        found = boto3.client("ssm", region_name=region).get_parameter(Name=parameter)
    except (BotoCoreError, ClientError) as error:
        reason = f"cannot read {parameter} in {region}: deploy the replica stack first ({error})"
        return {"Status": "FAILED", "Reason": reason}
    return {"Data": {"KeyArn": found["Parameter"]["Value"]}}


def _send(url: str, answer: Mapping[str, Any]) -> None:
    body = json.dumps(answer).encode()
    # The pre-signed URL was signed without a content type, so that none may be sent.
    request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Type": ""})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        response.read()
