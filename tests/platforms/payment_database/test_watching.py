from __future__ import annotations

import json
from typing import Any

import pytest

from tests.platforms.databases import dimensions, stack_of
from tests.platforms.reading import Resource, Template, meets, statement

NAME = "payment-database"
GIB = 1024**3


def alarm(name: str, template: Template | None = None) -> Resource:
    template = template or stack_of(NAME)
    return template.one("AWS::CloudWatch::Alarm", AlarmName=f"payment-db-{name}-alarm-dev")


def shape(one: Resource) -> tuple[Any, ...]:
    return tuple(one[key] for key in ("MetricName", "Threshold", "Statistic", "Period", "EvaluationPeriods"))


def cluster() -> str:
    return f"{{{stack_of(NAME).one('AWS::RDS::DBCluster').id}}}"


@meets("PG-27")
def test_cpu_of_the_writer_rings_above_eighty_percent_and_in_silence() -> None:
    one = alarm("cpu")
    assert shape(one) == ("CPUUtilization", 80, "Average", 300, 2)
    assert (one["ComparisonOperator"], one["TreatMissingData"]) == ("GreaterThanThreshold", "breaching")
    assert dimensions(one) == {"DBClusterIdentifier": cluster(), "Role": "WRITER"}


@meets("PG-28", "PG-29")
@pytest.mark.parametrize(
    ("name", "threshold"),
    [("db.r6g.large", 10737418240), ("db.t3.medium", int(7.5 * GIB / 4)), ("db.t3.large", int(15 * GIB / 4))],
)
def test_local_storage_of_any_instance_rings_below_what_its_class_has(name: str, threshold: int) -> None:
    one = alarm("storage", stack_of(NAME, database={"instance_class": name}))
    assert shape(one) == ("FreeLocalStorage", threshold, "Minimum", 300, 2)
    assert one["ComparisonOperator"] == "LessThanThreshold"
    assert dimensions(one) == {"DBClusterIdentifier": cluster()}


@meets("PG-34")
@pytest.mark.parametrize(("name", "gib"), [("db.r6g.large", 16), ("db.t3.medium", 4)])
def test_memory_rings_below_fifteen_percent_of_the_class(name: str, gib: int) -> None:
    one = alarm("memory", stack_of(NAME, database={"instance_class": name}))
    assert shape(one) == ("FreeableMemory", int(gib * GIB * 0.15), "Minimum", 300, 2)


@meets("PG-30")
def test_every_alarm_tells_the_topic_and_each_address_is_subscribed() -> None:
    template = stack_of(NAME, alerts=["a@example.com", "b@example.com"])
    topic = f"{{{template.one('AWS::SNS::Topic').id}}}"
    alarms = template.of("AWS::CloudWatch::Alarm")
    assert len(alarms) == 7
    assert all(one["AlarmActions"] == one["OKActions"] == [topic] for one in alarms)
    assert [one["Endpoint"] for one in template.of("AWS::SNS::Subscription", TopicArn=topic)] == [
        "a@example.com",
        "b@example.com",
    ]
    key = template.one("AWS::KMS::Key")["KeyPolicy.Statement"]
    for sid in ("AllowCloudWatchAlarms", "AllowDatabaseEvents", "AllowBackupNotices"):
        assert "kms:GenerateDataKey*" in statement(key, sid)["Action"]


def test_readers_are_watched_by_the_worst_of_them() -> None:
    for name, metric in (("reader-cpu", "CPUUtilization"), ("replica-lag", "AuroraReplicaLag")):
        one = alarm(name)
        assert (one["MetricName"], one["Statistic"]) == (metric, "Maximum")
        assert dimensions(one) == {"DBClusterIdentifier": cluster(), "Role": "READER"}


def test_connections_ring_before_the_class_refuses_any() -> None:
    assert alarm("connections")["Threshold"] == int(1802 * 0.75)


@pytest.mark.parametrize(("schedule", "hours"), [("cron(0 6 * * ? *)", 30), ("cron(0 6,18 * * ? *)", 18)])
def test_silence_of_backups_rings_when_one_is_hours_late(schedule: str, hours: int) -> None:
    one = alarm("copies", stack_of(NAME, copies={"schedule": schedule}))
    assert (one["MetricName"], one["EvaluationPeriods"], one["Period"]) == ("NumberOfBackupJobsCompleted", hours, 3600)
    assert one["TreatMissingData"] == "breaching"
    assert dimensions(one) == {"BackupVaultName": "payment-db-vault-dev"}


@meets("PG-40")
def test_dashboard_shows_every_alarm_and_both_roles() -> None:
    template = stack_of(NAME)
    board = template.one("AWS::CloudWatch::Dashboard")
    assert board["DashboardName"] == "payment-db-dashboard-dev"
    widgets = json.loads(board["DashboardBody"])["widgets"]
    listed = next(one for one in widgets if one["type"] == "alarm")["properties"]["alarms"]
    assert listed == [f"{{{one.id}.Arn}}" for one in template.of("AWS::CloudWatch::Alarm")]
    drawn = {metric[1] for one in widgets if one["type"] == "metric" for metric in one["properties"]["metrics"]}
    assert {"CPUUtilization", "DatabaseConnections", "FreeableMemory", "AuroraReplicaLag"} <= drawn
    roles = {metric[5] for one in widgets if one["type"] == "metric" for metric in one["properties"]["metrics"]}
    assert roles == {"WRITER", "READER"}
    assert stack_of(NAME, dashboard=False).of("AWS::CloudWatch::Dashboard") == []


def test_rotation_that_fails_rings() -> None:
    one = stack_of(NAME).one("AWS::CloudWatch::Alarm", AlarmName="payment-db-rotation-alarm-dev")
    hosted = stack_of(NAME).one("AWS::SecretsManager::RotationSchedule")["HostedRotationLambda"]
    assert (one["Namespace"], one["MetricName"], one["Statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    assert dimensions(one) == {"FunctionName": hosted["RotationLambdaName"]}
