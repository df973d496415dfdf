from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.databases import dimensions, stack_of
from tests.platforms.reading import Resource, Template, meets

NAME = "serverless-database"


def alarm(name: str, template: Template | None = None) -> Resource:
    template = template or stack_of(NAME)
    return template.one("AWS::CloudWatch::Alarm", AlarmName=f"aurora-{name}-dev")


def shape(one: Resource) -> tuple[Any, ...]:
    return tuple(one[key] for key in ("MetricName", "Threshold", "Statistic", "Period", "EvaluationPeriods"))


def cluster() -> str:
    return f"{{{stack_of(NAME).one('AWS::RDS::DBCluster').id}}}"


@meets("AU-28")
def test_topic_is_named_for_people_and_its_key_admits_alarms() -> None:
    template = stack_of(NAME)
    topic = template.one("AWS::SNS::Topic")
    assert (topic["TopicName"], topic["DisplayName"]) == ("aurora-serverless-alarms-dev", "Aurora Database Alarms")
    assert topic["KmsMasterKeyId"] == f"{{{template.one('AWS::KMS::Key').id}.Arn}}"


@meets("AU-29")
def test_each_address_is_subscribed_to_the_topic() -> None:
    template = stack_of(NAME, alerts=["a@example.com", "b@example.com"])
    topic = f"{{{template.one('AWS::SNS::Topic').id}}}"
    found = template.of("AWS::SNS::Subscription", TopicArn=topic, Protocol="email")
    assert [one["Endpoint"] for one in found] == ["a@example.com", "b@example.com"]


@meets("AU-30")
def test_capacity_alarm_rings_at_three_quarters_of_the_largest() -> None:
    one = alarm("capacity-high")
    assert shape(one) == ("ServerlessDatabaseCapacity", 3, "Average", 300, 2)
    assert one["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert dimensions(one) == {"DBClusterIdentifier": cluster()}
    small = stack_of(NAME, database={"min_capacity": 0.5, "max_capacity": 2})
    assert alarm("capacity-high", small)["Threshold"] == 1.5


@meets("AU-31")
def test_utilization_alarm_rings_at_eighty_percent() -> None:
    one = alarm("acu-utilization")
    assert shape(one) == ("ACUUtilization", 80, "Average", 300, 2)
    assert dimensions(one) == {"DBClusterIdentifier": cluster()}


@meets("AU-32", "AU-34", "AU-35")
@pytest.mark.parametrize(("most", "threshold"), [(4, 100), (2, 67), (8, 100)])
def test_connections_of_the_writer_ring_before_any_is_refused(most: float, threshold: int) -> None:
    template = stack_of(NAME) if most == 4 else stack_of(NAME, database={"max_capacity": most})
    one = alarm("connections", template)
    assert shape(one) == ("DatabaseConnections", threshold, "Average", 300, 2)
    assert one["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert dimensions(one) == {"DBClusterIdentifier": cluster(), "Role": "WRITER"}


@meets("AU-33", "AU-34")
def test_cpu_of_the_writer_rings_at_seventy_five_percent_and_in_silence() -> None:
    one = alarm("writer-cpu")
    assert shape(one) == ("CPUUtilization", 75, "Average", 300, 2)
    assert dimensions(one) == {"DBClusterIdentifier": cluster(), "Role": "WRITER"}
    assert one["TreatMissingData"] == "breaching"


def test_every_alarm_tells_the_topic_and_tells_it_again_when_all_is_well() -> None:
    template = stack_of(NAME)
    topic = [f"{{{template.one('AWS::SNS::Topic').id}}}"]
    alarms = template.of("AWS::CloudWatch::Alarm")
    assert len(alarms) == 7
    assert all(one["AlarmActions"] == one["OKActions"] == topic for one in alarms)


def test_events_of_the_cluster_and_its_instances_reach_the_topic() -> None:
    template = stack_of(NAME)
    kinds = {one["SourceType"]: one["SnsTopicArn"] for one in template.of("AWS::RDS::EventSubscription")}
    topic = f"{{{template.one('AWS::SNS::Topic').id}}}"
    assert kinds == {"db-cluster": topic, "db-instance": topic}
    assert [one["DisplayName"] for one in template.of("AWS::SNS::Topic")] == ["Aurora Database Alarms"]


def test_cluster_without_a_reader_has_no_lag_to_watch() -> None:
    template = stack_of(NAME, database={"readers": 0}, promises={"failover": "15m", "availability": "99%"})
    assert "aurora-replica-lag-dev" not in {one["AlarmName"] for one in template.of("AWS::CloudWatch::Alarm")}


def test_rotation_that_fails_rings() -> None:
    one = stack_of(NAME).one("AWS::CloudWatch::Alarm", AlarmName="aurora-rotation-dev")
    hosted = stack_of(NAME).one("AWS::SecretsManager::RotationSchedule")["HostedRotationLambda"]
    assert (one["Namespace"], one["MetricName"], one["Statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    assert dimensions(one) == {"FunctionName": hosted["RotationLambdaName"]}
