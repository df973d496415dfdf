"""What a template promises of topics, queues, events and schedules."""

from __future__ import annotations

from typing import Any

from holdfast.rehearsal import read_back_words as words
from holdfast.rehearsal.read_back_rows import Call, Deployed, Row, addressed, among, as_is, by_arn, by_id, rows, tagged


def _subscription(answer: Any, it: Deployed) -> Any:
    """Find a subscription among its topic's: one that waits for its confirmation has no ARN of its own."""
    return next((one for one in answer["Subscriptions"] if one["Endpoint"] == it.properties["Endpoint"]), {})


SUBSCRIPTION = Call(
    service="sns",
    operation="list_subscriptions_by_topic",
    parameters=lambda it: {"TopicArn": it.properties["TopicArn"]},
    select=_subscription,
)
ATTRIBUTES = Call(
    service="sqs",
    operation="get_queue_attributes",
    parameters=lambda it: {"QueueUrl": it.physical_id, "AttributeNames": ["All"]},
)
TOPIC_POLICY = Call(
    service="sns",
    operation="get_topic_attributes",
    parameters=lambda it: [{"TopicArn": topic} for topic in it.properties["Topics"]],
)
QUEUE_POLICY = Call(
    service="sqs",
    operation="get_queue_attributes",
    parameters=lambda it: [{"QueueUrl": queue, "AttributeNames": ["Policy"]} for queue in it.properties["Queues"]],
)
RULE = by_id("events", "describe_rule", "Name")

MESSAGES: dict[str, list[Row]] = {
    "AWS::Events::Rule": [
        *rows(RULE, "Name", "Description", "ScheduleExpression", "State", EventPattern=("EventPattern", words.parsed)),
        *rows(by_id("events", "list_targets_by_rule", "Rule"), "Targets"),
        *tagged(by_arn("events", "list_tags_for_resource", "ResourceARN")),
    ],
    "AWS::SNS::Subscription": rows(SUBSCRIPTION, "Endpoint", "Protocol", "TopicArn"),
    "AWS::SNS::Topic": [
        *rows(
            by_arn("sns", "get_topic_attributes", "TopicArn"),
            DisplayName="Attributes.DisplayName",
            KmsMasterKeyId="Attributes.KmsMasterKeyId",
            TopicName=("Attributes.TopicArn", lambda arn: arn.rpartition(":")[2]),
        ),
        *among(by_arn("sns", "list_subscriptions_by_topic", "TopicArn"), Subscription=("Subscriptions", as_is)),
        *tagged(by_arn("sns", "list_tags_for_resource", "ResourceArn")),
    ],
    "AWS::SNS::TopicPolicy": rows(TOPIC_POLICY, PolicyDocument=("0.Attributes.Policy", words.parsed))
    + addressed(TOPIC_POLICY, "Topics"),
    "AWS::SQS::Queue": [
        *rows(
            ATTRIBUTES,
            KmsMasterKeyId="Attributes.KmsMasterKeyId",
            MessageRetentionPeriod="Attributes.MessageRetentionPeriod",
            QueueName=("Attributes.QueueArn", lambda arn: arn.rpartition(":")[2]),
            ReceiveMessageWaitTimeSeconds="Attributes.ReceiveMessageWaitTimeSeconds",
            RedrivePolicy=("Attributes.RedrivePolicy", words.parsed),
            VisibilityTimeout="Attributes.VisibilityTimeout",
        ),
        *tagged(by_id("sqs", "list_queue_tags", "QueueUrl")),
    ],
    "AWS::SQS::QueuePolicy": rows(QUEUE_POLICY, PolicyDocument=("0.Attributes.Policy", words.parsed))
    + addressed(QUEUE_POLICY, "Queues"),
    "AWS::Scheduler::Schedule": rows(
        by_id("scheduler", "get_schedule", "Name"),
        "Description",
        "FlexibleTimeWindow",
        "KmsKeyArn",
        "Name",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "State",
        "Target",
    ),
}
