"""How many requests a second our embedded AWS answers, against MiniStack as it comes, in the same run.

    python bench/embedded_aws.py

Prints one line an operation: ours, MiniStack's, and the ratio. Both keep object bytes on disk; the bucket is versioned.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from holdfast.rehearsal.embedded import embedded_aws

REGION, ACCOUNT = "us-east-1", "123456789012"
CLIENTS = 3
TURNS = 3
Settings = dict[str, str]


def client(service: str, settings: Settings) -> Any:
    """Return a client of either."""
    session: Any = boto3.session.Session()
    return session.client(
        service,
        region_name=REGION,
        endpoint_url=settings["AWS_ENDPOINT_URL"],
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
    )


def operations(settings: Settings, who: int) -> dict[str, tuple[int, Callable[[int], Any]]]:
    """Name, how often, and what to do for the n-th time."""
    s3, db, functions = (client(service, settings) for service in ("s3", "dynamodb", "lambda"))
    small, large = os.urandom(4096), os.urandom(4 << 20)

    def item(n: int) -> dict[str, Any]:
        return {"pk": {"S": f"{who}-{n}"}, "v": {"S": "x" * 100}}

    def put_of(table: str, n: int) -> dict[str, Any]:
        return {"Put": {"TableName": table, "Item": item(n), "ConditionExpression": "attribute_not_exists(pk)"}}

    return {
        "S3 put 4 KiB": (200, lambda n: s3.put_object(Bucket="bench", Key=f"{who}/{n}", Body=small)),
        "S3 get 4 KiB": (200, lambda n: s3.get_object(Bucket="bench", Key=f"{who}/{n}")["Body"].read()),
        "S3 put 4 MiB": (15, lambda n: s3.put_object(Bucket="bench", Key=f"{who}/large{n}", Body=large)),
        "DynamoDB put": (200, lambda n: db.put_item(TableName="bench", Item=item(n))),
        "DynamoDB transaction of 50": (
            15,
            lambda n: db.transact_write_items(TransactItems=[put_of("bench", 100_000 + n * 50 + k) for k in range(50)]),
        ),
        "Lambda invoke, warm": (40, lambda _: functions.invoke(FunctionName="bench", Payload=b"{}")),
    }


def prepare(settings: Settings) -> None:
    """Make the bucket, the table and the function."""
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("main.py", "def handler(event, context):\n    return 1\n")
    client("s3", settings).create_bucket(Bucket="bench")
    versioning = {"Status": "Enabled"}
    client("s3", settings).put_bucket_versioning(Bucket="bench", VersioningConfiguration=versioning)
    client("dynamodb", settings).create_table(
        TableName="bench",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = client("iam", settings).create_role(RoleName="bench", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    client("lambda", settings).create_function(
        FunctionName="bench",
        Runtime="python3.13",
        Handler="main.handler",
        Role=role,
        Code={"ZipFile": bundle.getvalue()},
    )


def measured(settings: Settings, name: str, turn: int) -> float:
    """Requests a second of one operation, with `CLIENTS` processes at once."""
    processes = get_context("spawn")
    ready, answers = processes.Barrier(CLIENTS), processes.Queue()
    clients = [
        processes.Process(target=_client, args=(settings, who, name, turn, ready, answers)) for who in range(CLIENTS)
    ]
    for one in clients:
        one.start()
    spans = [answers.get(timeout=120) for _ in clients]
    for one in clients:
        one.join()
    done = CLIENTS * operations(settings, 0)[name][0]
    return float(done / (max(end for _, end in spans) - min(begin for begin, _ in spans)))


def _client(settings: Settings, who: int, name: str, turn: int, ready: Any, answers: Any) -> None:
    times, act = operations(settings, who)[name]
    first = turn * 10_000
    if name.startswith("Lambda"):
        act(first)  # the cold start
    ready.wait(60)
    began = time.time()
    for n in range(first, first + times):
        act(n)
    answers.put((began, time.time()))


@contextmanager
def stock() -> Iterator[Settings]:
    """MiniStack as it comes, with its own persistence for objects."""
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            "LOG_LEVEL": "WARNING",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "S3_DATA_DIR": folder,
            "S3_PERSIST": "1",
            "STATE_DIR": folder,
            "TMPDIR": folder,
        }
        server = subprocess.Popen(
            [sys.executable, "-m", "ministack.app"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await(port)
            endpoint = f"http://127.0.0.1:{port}"
            yield {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test"}
        finally:
            server.kill()
            server.wait()


def _await(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("MiniStack did not start")


def main() -> None:
    """Measure each operation on both, turn by turn, so that whatever else the machine does slows both."""
    with stock() as theirs, tempfile.TemporaryDirectory() as folder, embedded_aws(folder=Path(folder)) as aws:
        ours = aws.environment(REGION)
        for settings in (theirs, ours):
            prepare(settings)
        print(f"{'requests a second':28} {'ours':>8} {'stock':>8} {'ratio':>6}")
        for name in operations(ours, 0):
            turns = [(measured(ours, name, turn), measured(theirs, name, turn)) for turn in range(TURNS)]
            our_rate, their_rate = (median(rates) for rates in zip(*turns, strict=True))
            print(f"{name:28} {our_rate:8.0f} {their_rate:8.0f} {our_rate / their_rate:6.2f}", flush=True)


if __name__ == "__main__":
    main()
