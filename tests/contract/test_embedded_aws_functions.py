"""Functions run as in AWS: their bundle and the runtime's SDK, their role's name, their limits, their retries."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from holdfast.rehearsal.deploy import deploy
from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.emulator import ANYTHING, HOME, code, function, invoke, role, stack
from tests.support.patience import eventually

pytestmark = pytest.mark.emulator

LOOK_AROUND = """
    import importlib.util, os, sys
    calls = 0
    def handler(event, context):
        global calls
        calls += 1
        print("hello from", context.function_name)
        found = {name: importlib.util.find_spec(name) is not None for name in event["modules"]}
        import boto3
        return {
            "found": found, "env": dict(os.environ), "calls": calls, "process": os.getpid(),
            "left": context.get_remaining_time_in_millis(), "request": context.aws_request_id,
            "caller": boto3.client("sts").get_caller_identity()["Account"],
        }
"""
MISBEHAVE = """
    import os, time
    def handler(event, context):
        if event == "raise":
            raise LookupError("no such thing")
        if event == "sleep":
            time.sleep(30)
        if event == "exit":
            os._exit(3)
        if event == "unserializable":
            return object()
        return os.getpid()
"""


@pytest.fixture(scope="module")
def deployed(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedAws:
    folder = tmp_path_factory.mktemp("bundles")
    looker, bad = code(folder, "look", LOOK_AROUND), code(folder, "bad", MISBEHAVE)
    retried = code(folder, "retried", "def handler(event, context):\n    raise ValueError(event['detail-type'])\n")
    resources = {
        "Role": role(ANYTHING),
        "Look": function("look", looker, Environment={"Variables": {"COLOUR": "green"}}),
        "Bad": function("bad", bad, Timeout=1),
        "One": function("one-at-a-time", bad, Timeout=5, ReservedConcurrentExecutions=1),
        "Retried": function("retried", retried),
        "Lost": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "lost-events"}},
        "Retries": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Retried"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 1,
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Lost", "Arn"]}}},
            },
        },
        "Nightly": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "nightly",
                "ScheduleExpression": "cron(0 2 * * ? *)",
                "Targets": [{"Id": "it", "Arn": {"Fn::GetAtt": ["Retried", "Arn"]}}],
            },
        },
        "Off": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "switched-off",
                "State": "DISABLED",
                "ScheduleExpression": "rate(1 minute)",
                "Targets": [{"Id": "it", "Arn": {"Fn::GetAtt": ["Retried", "Arn"]}}],
            },
        },
    }
    deploy(aws, [stack("functions", resources, looker, bad, retried)])
    return aws


def failure(aws: EmbeddedAws, name: str, event: object) -> dict[str, Any]:
    answer = aws.client("lambda", HOME).invoke(FunctionName=name, Payload=json.dumps(event).encode())
    assert answer["FunctionError"] == "Unhandled"
    error: dict[str, Any] = json.load(answer["Payload"])
    return error


def test_a_function_sees_its_bundle_and_the_sdk_and_nothing_of_ours(deployed: EmbeddedAws) -> None:
    answer = invoke(deployed, "look", {"modules": ["main", "boto3", "holdfast", "pytest", "ministack"]})

    assert answer["found"] == {"main": True, "boto3": True, "holdfast": False, "pytest": False, "ministack": False}
    assert answer["caller"] == deployed.account


def test_a_function_gets_the_environment_of_its_template_and_of_lambda(deployed: EmbeddedAws) -> None:
    answer = invoke(deployed, "look", {"modules": []})

    assert answer["env"]["COLOUR"] == "green"
    assert answer["env"]["AWS_REGION"] == HOME
    assert answer["env"]["AWS_LAMBDA_FUNCTION_NAME"] == "look"
    assert not {"HOLDFAST_CONTROL_TOKEN", "MINISTACK_HOST", "HOME"} & set(answer["env"])
    assert 0 < answer["left"] <= 10_000
    assert answer["request"]


def test_a_warm_process_is_used_again(deployed: EmbeddedAws) -> None:
    first, second = (invoke(deployed, "look", {"modules": []}) for _ in range(2))
    assert second["process"] == first["process"]
    assert second["calls"] == first["calls"] + 1


def test_what_a_function_prints_is_in_its_log(deployed: EmbeddedAws) -> None:
    invoke(deployed, "look", {"modules": []})
    events = deployed.client("logs", HOME).filter_log_events(logGroupName="/aws/lambda/look")["events"]
    assert "hello from look" in [event["message"] for event in events]


def test_an_exception_is_told_as_lambda_tells_it_and_the_process_lives_on(deployed: EmbeddedAws) -> None:
    process = invoke(deployed, "bad")

    error = failure(deployed, "bad", "raise")

    assert (error["errorType"], error["errorMessage"]) == ("LookupError", "no such thing")
    assert invoke(deployed, "bad") == process


@pytest.mark.parametrize(
    ("event", "error_type", "message"),
    [
        ("sleep", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        ("exit", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
    ],
)
def test_a_function_that_hangs_or_dies_is_replaced(
    deployed: EmbeddedAws, event: str, error_type: str, message: str
) -> None:
    process = invoke(deployed, "bad")
    error = failure(deployed, "bad", event)
    assert error["errorType"] == error_type
    assert message in error["errorMessage"]
    assert invoke(deployed, "bad") != process


def test_killing_a_function_looks_like_a_crash_to_its_caller(deployed: EmbeddedAws) -> None:
    lambdas = deployed.client("lambda", HOME)
    lambdas.invoke(FunctionName="one-at-a-time", InvocationType="Event", Payload=b'"sleep"')
    eventually(lambda: deployed.kill_functions(HOME, "one-at-a-time"))
    assert isinstance(eventually(lambda: _answer_or_none(deployed)), int)


def _answer_or_none(aws: EmbeddedAws) -> int | None:
    try:
        answer: int = invoke(aws, "one-at-a-time")
    except aws.client("lambda", HOME).exceptions.TooManyRequestsException:
        return None
    return answer


def test_reserved_concurrency_throttles_a_second_call(deployed: EmbeddedAws) -> None:
    lambdas = deployed.client("lambda", HOME)
    lambdas.invoke(FunctionName="one-at-a-time", InvocationType="Event", Payload=b'"sleep"')
    eventually(lambda: _answer_or_none(deployed) is None)
    deployed.kill_functions(HOME, "one-at-a-time")


def test_firing_a_schedule_invokes_with_retries_and_then_the_failure_destination(deployed: EmbeddedAws) -> None:
    queues = deployed.client("sqs", HOME)
    url = queues.get_queue_url(QueueName="lost-events")["QueueUrl"]

    assert deployed.fire("nightly", HOME, at=datetime(2027, 1, 31, 2, tzinfo=UTC)) == 1

    message = eventually(lambda: queues.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"))[0]
    lost = json.loads(message["Body"])
    assert lost["requestPayload"]["detail-type"] == "Scheduled Event"
    assert lost["requestPayload"]["time"] == "2027-01-31T02:00:00Z"
    assert lost["responsePayload"]["errorMessage"] == "Scheduled Event"
    logged = deployed.client("logs", HOME).filter_log_events(logGroupName="/aws/lambda/retried")["events"]
    assert len([event for event in logged if event["message"].startswith("START")]) == 2


def test_a_schedule_that_is_off_or_unknown_fires_nothing(deployed: EmbeddedAws) -> None:
    assert deployed.fire("switched-off", HOME) == 0
    assert deployed.fire("no-such-rule", HOME) == 0


def test_changed_code_runs_in_new_processes(deployed: EmbeddedAws, tmp_path: Path) -> None:
    versions = [code(tmp_path, f"v{n}", f"def handler(event, context):\n    return {n}\n") for n in (1, 2)]
    for number, version in enumerate(versions, 1):
        deploy(deployed, [stack("changing", {"Role": role(ANYTHING), "F": function("changing", version)}, version)])
        assert invoke(deployed, "changing") == number


def test_the_interpreter_that_stands_in_is_told(deployed: EmbeddedAws) -> None:
    runtime = next(one for one in deployed.runtimes() if one.function == "look")
    assert runtime.wanted == "python3.13"
    assert runtime.used.startswith("python3.")
    assert runtime.same == runtime.used.startswith("python3.13.")


def test_warm_invocations_are_fast(deployed: EmbeddedAws) -> None:
    invoke(deployed, "bad")
    began = time.monotonic()
    for _ in range(20):
        invoke(deployed, "bad")
    assert time.monotonic() - began < 4
