from __future__ import annotations

import pytest

from tests.platforms.reading import Resource, Template, meets


def key_arn(template: Template) -> str:
    return f"{{{template.one('AWS::KMS::Key').id}.Arn}}"


def table(template: Template, kind: str) -> Resource:
    return template.one("AWS::DynamoDB::Table", TableName=f"backup-{kind}-dev")


def key_schema(described: dict[str, object]) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in described["KeySchema"]]  # type: ignore[attr-defined]


def indexes(resource: Resource) -> dict[str, dict[str, object]]:
    return {index["IndexName"]: index for index in resource["GlobalSecondaryIndexes"]}


@meets("BS-37", "BS-40")
@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("metadata", [("backupId", "HASH"), ("timestamp", "RANGE")]),
        ("deduplication", [("contentHash", "HASH")]),
    ],
)
def test_table_is_on_demand_encrypted_recoverable_and_retained(
    primary: Template, kind: str, schema: list[tuple[str, str]]
) -> None:
    found = table(primary, kind)
    assert key_schema(found.properties) == schema
    assert found["BillingMode"] == "PAY_PER_REQUEST"
    assert found["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": key_arn(primary),
    }
    assert found["TimeToLiveSpecification"] == {"AttributeName": "expirationTime", "Enabled": True}
    assert found["PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"] is True
    assert found.raw["DeletionPolicy"] == "RetainExceptOnCreate"


@meets("BS-37")
def test_metadata_table_streams_both_images(primary: Template) -> None:
    assert table(primary, "metadata")["StreamSpecification.StreamViewType"] == "NEW_AND_OLD_IMAGES"


@meets("BS-38", "BS-39", "BS-41")
@pytest.mark.parametrize(
    ("kind", "index", "schema"),
    [
        ("metadata", "StatusIndex", [("status", "HASH"), ("timestamp", "RANGE")]),
        ("metadata", "UserIndex", [("userId", "HASH"), ("timestamp", "RANGE")]),
        ("deduplication", "SizeIndex", [("fileSize", "HASH"), ("contentHash", "RANGE")]),
    ],
)
def test_index_has_its_keys_and_every_attribute(
    primary: Template, kind: str, index: str, schema: list[tuple[str, str]]
) -> None:
    found = indexes(table(primary, kind))[index]
    assert key_schema(found) == schema
    assert found["Projection"] == {"ProjectionType": "ALL"}


@meets("BS-37", "BS-38", "BS-39", "BS-40", "BS-41")
def test_key_attributes_have_their_types(primary: Template) -> None:
    types = {
        attribute["AttributeName"]: attribute["AttributeType"]
        for kind in ("metadata", "deduplication")
        for attribute in table(primary, kind)["AttributeDefinitions"]
    }
    assert types == {
        "backupId": "S",
        "timestamp": "S",
        "status": "S",
        "userId": "S",
        "contentHash": "S",
        "fileSize": "N",
    }


@meets("BS-20")
def test_topic_is_named_for_people_and_encrypted(primary: Template) -> None:
    topic = primary.one("AWS::SNS::Topic")
    assert topic["DisplayName"] == "Backup System Notifications"
    assert topic["KmsMasterKeyId"] == key_arn(primary)


@meets("BS-21")
def test_dead_letters_wait_as_long_as_sqs_can_keep_them(primary: Template) -> None:
    queue = primary.one("AWS::SQS::Queue", QueueName="backup-dead-letters-dev")
    assert queue["MessageRetentionPeriod"] == 14 * 86400
    assert queue["VisibilityTimeout"] == 300
    assert queue["KmsMasterKeyId"] == key_arn(primary)


@meets("BS-22")
def test_backup_queue_polls_long_and_gives_up_after_three_receives(primary: Template) -> None:
    queue = primary.one("AWS::SQS::Queue", QueueName="backup-queue-dev")
    dead = primary.one("AWS::SQS::Queue", QueueName="backup-dead-letters-dev")
    assert queue["VisibilityTimeout"] == 900
    assert queue["ReceiveMessageWaitTimeSeconds"] == 20
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": f"{{{dead.id}.Arn}}", "maxReceiveCount": 3}
    assert queue["KmsMasterKeyId"] == key_arn(primary)


def test_lost_events_do_not_mix_with_jobs_that_can_be_replayed(primary: Template) -> None:
    lost = primary.one("AWS::SQS::Queue", QueueName="backup-lost-events-dev")
    targets = {rule["Targets"][0]["DeadLetterConfig"]["Arn"] for rule in primary.of("AWS::Events::Rule")}
    assert targets == {f"{{{lost.id}.Arn}}"}


def test_every_queue_and_topic_refuses_plain_http(primary: Template) -> None:
    policies = [*primary.of("AWS::SQS::QueuePolicy"), *primary.of("AWS::SNS::TopicPolicy")]
    assert len(policies) == len(primary.of("AWS::SQS::Queue")) + len(primary.of("AWS::SNS::Topic"))
    for policy in policies:
        first = policy["PolicyDocument.Statement"][0]
        assert (first["Effect"], first["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
