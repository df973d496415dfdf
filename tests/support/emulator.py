"""The embedded AWS for tests: fixtures, small functions as zips, and the templates around them."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.stacks.assembly import Asset, Stack

HOME = "us-east-1"
AWAY = "us-west-2"
CODE_BUCKET = "test-code-{region}"
ANYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An embedded AWS at the plain level; tests of a module share it and use names of their own."""
    with embedded_aws(folder=tmp_path_factory.mktemp("aws")) as one:
        yield one


@pytest.fixture(scope="module")
def strict_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An embedded AWS that enforces IAM and TLS."""
    with embedded_aws(strict=True, folder=tmp_path_factory.mktemp("aws")) as one:
        yield one


def stack(name: str, resources: dict[str, Any], *assets: Asset, region: str = HOME, **sections: Any) -> Stack:
    """A stack of `resources` and whatever other template sections."""
    return Stack(name=name, region=region, template={"Resources": resources, **sections}, assets=assets)


def code(folder: Path, name: str, source: str, *, region: str = HOME) -> Asset:
    """A bundle whose `main.handler` is in `source`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("main.py", textwrap.dedent(source))
    path = folder / f"{name}.zip"
    path.write_bytes(buffer.getvalue())
    return Asset(path=path, bucket=CODE_BUCKET.format(region=region), key=f"{name}.zip")


def function(name: str, asset: Asset, *, role: Any = "Role", **properties: Any) -> dict[str, Any]:
    """A Lambda function resource that runs `asset` with the role of logical id `role`."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": name,
            "Runtime": "python3.13",
            "Handler": "main.handler",
            "Role": {"Fn::GetAtt": [role, "Arn"]},
            "Code": {"S3Bucket": asset.bucket, "S3Key": asset.key},
            "Timeout": 10,
            **properties,
        },
    }


def role(statements: list[dict[str, Any]], service: str = "lambda.amazonaws.com") -> dict[str, Any]:
    """A role that a service assumes, with these statements."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [
                {"PolicyName": "rights", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}
            ],
        },
    }


def invoke(aws: EmbeddedAws, name: str, event: object = None, *, region: str = HOME) -> Any:
    """Invoke a function and return what it answers; an AssertionError shows its error."""
    answer = aws.client("lambda", region).invoke(FunctionName=name, Payload=json.dumps(event).encode())
    payload = json.load(answer["Payload"])
    assert "FunctionError" not in answer, payload
    return payload
