"""Deletes a backup vault's recovery points when its custom resource is deleted, so that the vault can be deleted."""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3

_PAUSE_SECONDS = 10
_ANSWER_MILLISECONDS = 60_000


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer every request; a deletion first removes all recovery points of `Vault` and waits until they are gone."""
    name = event["ResourceProperties"]["Vault"]
    reply = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    reply |= {"PhysicalResourceId": f"empty-{name}", "Status": "SUCCESS"}
    try:
        if event["RequestType"] == "Delete":
            _empty(name, lambda: context.get_remaining_time_in_millis() > _ANSWER_MILLISECONDS)
    except Exception as error:  # noqa: BLE001 - an answer is owed whatever happens, or the stack hangs for an hour
        reply |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:1000]}
    print(json.dumps({"request": event["RequestType"], "status": reply["Status"], "vault": name}))
    # The URL was signed without a content type.
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own pre-signed URL
        event["ResponseURL"], data=json.dumps(reply).encode(), method="PUT", headers={"Content-Type": ""}
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


def _empty(name: str, has_time: Callable[[], bool]) -> None:
    backup = boto3.client("backup")
    while points := _points(backup, name):
        for arn, status in points.items():
            if status != "DELETING":
                _delete(backup, name, arn)
        if not has_time():
            raise TimeoutError(f"{len(points)} recovery points are still being deleted; delete the stack again")
        time.sleep(_PAUSE_SECONDS)


def _delete(backup: Any, name: str, arn: str) -> None:
    try:
        backup.delete_recovery_point(BackupVaultName=name, RecoveryPointArn=arn)
    except (backup.exceptions.InvalidResourceStateException, backup.exceptions.ResourceNotFoundException) as error:
        print(json.dumps({"later": arn, "why": str(error)}))  # still being made, or gone meanwhile


def _points(backup: Any, name: str) -> dict[str, str]:
    pages = backup.get_paginator("list_recovery_points_by_backup_vault").paginate(BackupVaultName=name)
    return {point["RecoveryPointArn"]: point["Status"] for page in pages for point in page["RecoveryPoints"]}
