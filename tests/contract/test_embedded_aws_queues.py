"""Queues drive functions as in AWS: concurrency of the mapping, partial batches, dead letters, and back again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.rehearsal.deploy import deploy
from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.emulator import ANYTHING, HOME, code, function, role, stack
from tests.support.patience import eventually

pytestmark = pytest.mark.emulator

# Writes when it began and ended; fails the messages that say so, unless they are healed.
WORKER = """
    import json, os, time
    import boto3
    items = boto3.client("dynamodb")
    def handler(event, context):
        failed = []
        for record in event["Records"]:
            body = json.loads(record["body"])
            began = time.time()
            time.sleep(body.get("seconds", 0))
            row = {"pk": {"S": body["id"]}, "sk": {"S": record["attributes"]["ApproximateReceiveCount"]},
                   "began": {"N": str(began)}, "ended": {"N": str(time.time())}}
            items.put_item(TableName=os.environ["TABLE"], Item=row)
            healed = "Item" in items.get_item(TableName=os.environ["TABLE"],
                                              Key={"pk": {"S": "healed"}, "sk": {"S": "-"}})
            if body.get("poison") and not healed:
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}
"""


def keys(hash_key: str, range_key: str) -> dict[str, Any]:
    return {
        "KeySchema": [
            {"AttributeName": hash_key, "KeyType": "HASH"},
            {"AttributeName": range_key, "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in (hash_key, range_key)],
    }


@pytest.fixture(scope="module")
def deployed(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedAws:
    worker = code(tmp_path_factory.mktemp("bundles"), "worker", WORKER)
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 2}
    resources = {
        "Role": role(ANYTHING),
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {"TableName": "seen", "BillingMode": "PAY_PER_REQUEST", **keys("pk", "sk")},
        },
        "Worker": function("queue-worker", worker, Environment={"Variables": {"TABLE": {"Ref": "Table"}}}),
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}},
        "Jobs": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": "jobs", "VisibilityTimeout": 1, "RedrivePolicy": redrive},
        },
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Jobs", "Arn"]},
                "FunctionName": {"Ref": "Worker"},
                "BatchSize": 1,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "ScalingConfig": {"MaximumConcurrency": 3},
            },
        },
    }
    deploy(aws, [stack("queues", resources, worker)])
    return aws


def send(aws: EmbeddedAws, *bodies: dict[str, Any]) -> None:
    queues = aws.client("sqs", HOME)
    url = queues.get_queue_url(QueueName="jobs")["QueueUrl"]
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(n), "MessageBody": json.dumps(b)} for n, b in enumerate(bodies[start : start + 10])]
        assert not queues.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")


def seen(aws: EmbeddedAws, prefix: str) -> list[tuple[str, int, float, float]]:
    rows = aws.client("dynamodb", HOME).scan(TableName="seen", ConsistentRead=True)["Items"]
    return [
        (row["pk"]["S"], int(row["sk"]["S"]), float(row["began"]["N"]), float(row["ended"]["N"]))
        for row in rows
        if row["pk"]["S"].startswith(prefix)
    ]


def test_no_more_run_at_once_than_the_mapping_allows_and_all_run(deployed: EmbeddedAws) -> None:
    send(deployed, *({"id": f"busy-{n}", "seconds": 0.1} for n in range(20)))
    rows = eventually(lambda: seen(deployed, "busy-") if len(seen(deployed, "busy-")) == 20 else None)

    moments = sorted([(began, 1) for _, _, began, _ in rows] + [(ended, -1) for *_, ended in rows])
    running, most = 0, 0
    for _, step in moments:
        running += step
        most = max(most, running)
    assert 2 <= most <= 3


def test_a_poison_message_ends_in_the_dead_letters_and_can_be_moved_back(deployed: EmbeddedAws) -> None:
    queues = deployed.client("sqs", HOME)
    dead = queues.get_queue_url(QueueName="dead")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    send(deployed, {"id": "poison", "poison": True}, {"id": "sound"})
    eventually(lambda: waiting(deployed, dead) == 1)
    assert sorted((name, count) for name, count, *_ in seen(deployed, "poison")) == [("poison", 1), ("poison", 2)]
    assert [(name, count) for name, count, *_ in seen(deployed, "sound")] == [("sound", 1)]

    healed = {"pk": {"S": "healed"}, "sk": {"S": "-"}, "began": {"N": "0"}, "ended": {"N": "0"}}
    deployed.client("dynamodb", HOME).put_item(TableName="seen", Item=healed)
    task = queues.start_message_move_task(SourceArn=arn)
    assert task["TaskHandle"]
    assert queues.list_message_move_tasks(SourceArn=arn)["Results"][0]["ApproximateNumberOfMessagesMoved"] == 1
    eventually(lambda: waiting(deployed, dead) == 0)
    jobs = queues.get_queue_url(QueueName="jobs")["QueueUrl"]
    eventually(lambda: waiting(deployed, jobs) == 0)


def waiting(aws: EmbeddedAws, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = aws.client("sqs", HOME).get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)
