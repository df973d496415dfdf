from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from holdfast.vault.replica_key import handler

PARAMETER = "/holdfast/backup-vault/dev/replica-key-arn"
ARN = "arn:aws:kms:us-west-2:123456789012:key/abc"


class Responses(HTTPServer):
    """What CloudFormation's response URL receives."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Recorder)
        self.received: list[tuple[str | None, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/response"


class Recorder(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Responses)
        self.server.received.append((self.headers["Content-Type"], json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def responses() -> Iterator[Responses]:
    server = Responses()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def parameters(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client("ssm", region_name="us-west-2", aws_access_key_id="x", aws_secret_access_key="x")

    class OneClient:
        def clients(self, service: str, region: str) -> Any:
            assert (service, region) == ("ssm", "us-west-2")
            return client

    monkeypatch.setattr("holdfast.vault.replica_key.services", OneClient)
    with Stubber(client) as stubber:
        yield stubber
    client.close()


def event(kind: str, url: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "ReplicaKey",
        "ResourceProperties": {"Region": "us-west-2", "Parameter": PARAMETER},
    }


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_arn_of_the_other_region_is_answered(responses: Responses, parameters: Stubber, kind: str) -> None:
    parameters.add_response("get_parameter", {"Parameter": {"Value": ARN}}, {"Name": PARAMETER})
    handler(event(kind, responses.url), None)
    ((content_type, answer),) = responses.received
    assert not content_type
    assert answer == {
        "Status": "SUCCESS",
        "PhysicalResourceId": PARAMETER,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "ReplicaKey",
        "Data": {"KeyArn": ARN},
    }


def test_missing_replica_stack_fails_the_deployment_and_says_what_to_do(
    responses: Responses, parameters: Stubber
) -> None:
    parameters.add_client_error("get_parameter", "ParameterNotFound")
    handler(event("Create", responses.url), None)
    answer = responses.received[0][1]
    assert answer["Status"] == "FAILED"
    assert "deploy the replica stack first" in answer["Reason"]


def test_deletion_looks_nothing_up(responses: Responses, parameters: Stubber) -> None:
    handler(event("Delete", responses.url), None)
    assert responses.received[0][1]["Status"] == "SUCCESS"
