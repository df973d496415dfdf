from __future__ import annotations

import json
import urllib.request
from typing import Any

import boto3
import pytest

from holdfast.platforms.inline import empty_bucket

EVENT = {
    "StackId": "stack",
    "RequestId": "request",
    "LogicalResourceId": "Emptied",
    "ResponseURL": "https://cloudformation.example/answer",
    "ResourceProperties": {"Bucket": "exports-dev"},
}


class Answered:
    """Stands in for the network: what was put, and where."""

    def __init__(self) -> None:
        self.requests: list[urllib.request.Request] = []

    def __call__(self, request: urllib.request.Request, timeout: int) -> Answered:
        self.requests.append(request)
        return self

    def close(self) -> None: ...

    @property
    def reply(self) -> dict[str, Any]:
        assert len(self.requests) == 1
        body = self.requests[0].data
        assert isinstance(body, bytes)
        found: dict[str, Any] = json.loads(body)
        return found


class Buckets:
    """Stands in for S3: the buckets whose versions were deleted; `denied` refuses."""

    def __init__(self, *, denied: bool = False) -> None:
        self.emptied: list[str] = []
        self._denied, self._name = denied, ""

    def Bucket(self, name: str) -> Buckets:  # noqa: N802 - boto3's name
        self._name = name
        return self

    @property
    def object_versions(self) -> Buckets:
        return self

    def delete(self) -> None:
        if self._denied:
            raise PermissionError("not allowed")
        self.emptied.append(self._name)


def run(monkeypatch: pytest.MonkeyPatch, kind: str, buckets: Buckets) -> dict[str, Any]:
    answered = Answered()
    monkeypatch.setattr(urllib.request, "urlopen", answered)
    monkeypatch.setattr(boto3, "resource", lambda service: buckets)
    empty_bucket.handler({**EVENT, "RequestType": kind}, None)
    assert answered.requests[0].get_method() == "PUT"
    return answered.reply


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_nothing_is_deleted_while_the_stack_lives(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    buckets = Buckets()
    reply = run(monkeypatch, kind, buckets)
    assert (reply["Status"], buckets.emptied) == ("SUCCESS", [])
    assert reply["PhysicalResourceId"] == "empty-exports-dev"


def test_deletion_removes_every_version_of_the_named_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    buckets = Buckets()
    reply = run(monkeypatch, "Delete", buckets)
    assert (reply["Status"], buckets.emptied) == ("SUCCESS", ["exports-dev"])
    assert {key: reply[key] for key in ("StackId", "RequestId", "LogicalResourceId")} == {
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Emptied",
    }


def test_failure_is_answered_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = run(monkeypatch, "Delete", Buckets(denied=True))
    assert (reply["Status"], reply["Reason"]) == ("FAILED", "PermissionError: not allowed")


def test_code_fits_into_a_template() -> None:
    """CloudFormation takes 4 MiB inline, the CDK 4 KiB."""
    source = empty_bucket.__file__
    assert source
    with open(source, encoding="utf-8") as file:
        assert len(file.read()) <= 4096
