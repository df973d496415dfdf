"""Injected faults answer exactly the requests they are meant for, and a fault nobody met fails the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from holdfast.rehearsal.ports import EmbeddedAws, Fault, FaultNeverFired
from tests.support.emulator import AWAY, HOME

pytestmark = pytest.mark.emulator

ONCE = Config(retries={"total_max_attempts": 1})


def once(aws: EmbeddedAws, service: str) -> Any:
    """A client that does not retry."""
    settings = aws.environment(HOME)
    session: Any = boto3.session.Session()
    return session.client(
        service,
        region_name=HOME,
        endpoint_url=settings["AWS_ENDPOINT_URL"],
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
        config=ONCE,
    )


@pytest.mark.parametrize(
    ("fault", "call"),
    [
        (Fault(service="s3", operation="PutObject", error="SlowDown"), lambda s3: s3.put_object(Bucket="bbb", Key="k")),
        (Fault(service="s3", operation="GetObject", error="InternalError"),
         lambda s3: s3.get_object(Bucket="bbb", Key="k")),
        (Fault(service="dynamodb", error="ProvisionedThroughputExceededException"), lambda db: db.list_tables()),
        (Fault(service="dynamodb", operation="PutItem", error="ExpiredTokenException"),
         lambda db: db.put_item(TableName="ttt", Item={})),
        (Fault(service="sqs", operation="SendMessage", error="KmsThrottled"),
         lambda sqs: sqs.send_message(QueueUrl="http://q", MessageBody="b")),
        (Fault(service="sns", operation="Publish", error="KMSDisabled"),
         lambda sns: sns.publish(TopicArn="arn:aws:sns:us-east-1:123456789012:t", Message="m")),
        (Fault(service="kms", operation="Decrypt", error="DisabledException"),
         lambda kms: kms.decrypt(CiphertextBlob=b"x")),
        (Fault(service="lambda", operation="Invoke", error="TooManyRequestsException"),
         lambda functions: functions.invoke(FunctionName="f")),
    ],
    ids=lambda one: f"{one.service}-{one.operation}" if isinstance(one, Fault) else "",
)  # fmt: skip
def test_a_fault_is_answered_in_the_words_of_its_service(
    aws: EmbeddedAws, fault: Fault, call: Callable[[Any], Any]
) -> None:
    client = once(aws, fault.service)
    with aws.inject(fault) as injected, pytest.raises(ClientError) as refused:
        call(client)
    assert refused.value.response["Error"]["Code"] == fault.error
    assert injected.fired == 1


def test_only_as_many_as_asked_fail_and_only_after_those_let_through(aws: EmbeddedAws) -> None:
    s3 = once(aws, "s3")
    s3.create_bucket(Bucket="fault-counts")
    outcomes = []
    with aws.inject(Fault(service="s3", operation="PutObject", error="SlowDown", skip=1, times=2)) as injected:
        for number in range(5):
            try:
                s3.put_object(Bucket="fault-counts", Key=f"k{number}", Body=b"x")
                outcomes.append("put")
            except ClientError:
                outcomes.append("refused")
        assert injected.fired == 2
    assert outcomes == ["put", "refused", "refused", "put", "put"]


def test_a_dropped_connection_is_a_network_error(aws: EmbeddedAws) -> None:
    with aws.inject(Fault(service="s3", error="ConnectionReset")), pytest.raises(BotoCoreError):
        once(aws, "s3").list_buckets()


def test_a_lost_answer_is_a_network_error_although_the_request_was_carried_out(aws: EmbeddedAws) -> None:
    s3 = once(aws, "s3")
    s3.create_bucket(Bucket="answers-lost")
    with aws.inject(Fault(service="s3", operation="PutObject", error="AnswerLost")), pytest.raises(BotoCoreError):
        s3.put_object(Bucket="answers-lost", Key="k", Body=b"carried out")
    assert s3.get_object(Bucket="answers-lost", Key="k")["Body"].read() == b"carried out"


def test_other_operations_services_and_regions_are_left_alone(aws: EmbeddedAws) -> None:
    fault = Fault(service="s3", operation="ListBuckets", region=AWAY, error="SlowDown")

    def ask_elsewhere() -> None:
        with aws.inject(fault):
            aws.client("s3", HOME).list_buckets()
            aws.client("dynamodb", AWAY).list_tables()

    with pytest.raises(FaultNeverFired, match=r"SlowDown of s3\.ListBuckets"):
        ask_elsewhere()


def test_a_failure_inside_the_block_is_not_hidden_by_a_fault_that_never_fired(aws: EmbeddedAws) -> None:
    with pytest.raises(ZeroDivisionError), aws.inject(Fault(service="s3", error="SlowDown")):
        _ = 1 / 0


def test_requests_are_counted_by_service_and_operation(aws: EmbeddedAws) -> None:
    before = aws.requests().get("dynamodb.ListTables", 0)
    aws.client("dynamodb", HOME).list_tables()
    assert aws.requests()["dynamodb.ListTables"] == before + 1
