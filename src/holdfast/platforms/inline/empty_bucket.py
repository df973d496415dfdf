"""Empties a bucket when its custom resource is deleted, so that CloudFormation can delete the bucket."""

import json
import urllib.request
from typing import Any

import boto3


def handler(event: dict[str, Any], _context: object) -> None:
    """Answer every request; a deletion first removes all versions and delete markers of `Bucket`."""
    name = event["ResourceProperties"]["Bucket"]
    reply = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    reply |= {"PhysicalResourceId": f"empty-{name}", "Status": "SUCCESS"}
    try:
        if event["RequestType"] == "Delete":
            boto3.resource("s3").Bucket(name).object_versions.delete()
    except Exception as error:  # noqa: BLE001 - an answer is owed whatever happens, or the stack hangs for an hour
        reply |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:1000]}
    print(json.dumps({"request": event["RequestType"], "status": reply["Status"], "bucket": name}))
    # The URL was signed without a content type.
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own pre-signed URL
        event["ResponseURL"], data=json.dumps(reply).encode(), method="PUT", headers={"Content-Type": ""}
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310
