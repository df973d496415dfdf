from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.reading import Resource, Template, meets, statement

SUFFIX = "${EnvironmentSuffix}"


def alarm(template: Template, id_: str) -> Resource:
    return next(one for one in template.of("AWS::CloudWatch::Alarm") if one.id == id_)


def dimensions(one: Resource) -> dict[str, Any]:
    return {pair["Name"]: pair["Value"] for pair in one["Dimensions"]}


@meets("MY-56")
def test_topic_tells_the_parameters_address_and_admits_alarms_and_events(template: Template) -> None:
    topic = template.one("AWS::SNS::Topic")
    assert (topic["TopicName"], topic["DisplayName"]) == (f"aurora-alarms-{SUFFIX}", "Aurora MySQL Database Alarms")
    assert topic["Subscription"] == [{"Protocol": "email", "Endpoint": "{AlarmEmailEndpoint}"}]
    allowed = statement(template.one("AWS::SNS::TopicPolicy")["PolicyDocument.Statement"], "AllowAlarmsAndEvents")
    services = {"cloudwatch.amazonaws.com", "events.rds.amazonaws.com"}
    assert set(allowed["Principal"]["Service"]) == services
    admitted = {
        one["Principal"]["Service"]
        for one in template.one("AWS::KMS::Key")["KeyPolicy.Statement"]
        if "kms:GenerateDataKey*" in one["Action"]
    }
    assert services <= admitted


def test_every_alarm_tells_the_topic_and_says_what_to_do(template: Template) -> None:
    alarms = template.of("AWS::CloudWatch::Alarm")
    assert len(alarms) == 16
    for one in alarms:
        assert one["AlarmActions"] == ["{AlarmTopic}"]
        assert one["AlarmName"].endswith(f"-{SUFFIX}")
        assert len(one["AlarmDescription"]) > 40


@meets("MY-57", "MY-58", "MY-59", "MY-65")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_cpu_rings_on_every_instance(template: Template, n: int) -> None:
    found = alarm(template, f"CPUAlarmInstance{n}")
    assert (found["MetricName"], found["Statistic"], found["Threshold"]) == (
        "CPUUtilization",
        "Average",
        "{CPUAlarmThreshold}",
    )
    assert (found["Period"], found["EvaluationPeriods"]) == (300, 2)
    assert found["ComparisonOperator"] == "GreaterThanThreshold"
    assert dimensions(found) == {"DBInstanceIdentifier": f"{{DBInstance{n}}}"}


@meets("MY-60")
@pytest.mark.parametrize("role", ["WRITER", "READER"])
def test_connections_ring_by_role_never_averaged(template: Template, role: str) -> None:
    found = alarm(template, f"Connections{role.capitalize()}Alarm")
    assert (found["MetricName"], found["Statistic"]) == ("DatabaseConnections", "Maximum")
    assert (found["ComparisonOperator"], found["Threshold"]) == ("GreaterThanThreshold", "{ConnectionAlarmThreshold}")
    assert dimensions(found) == {"DBClusterIdentifier": "{AuroraCluster}", "Role": role}


@meets("MY-28", "MY-60")
@pytest.mark.parametrize("role", ["Writer", "Reader"])
def test_connections_near_the_limit_of_any_class_ring(template: Template, role: str) -> None:
    found = alarm(template, f"ConnectionLimit{role}Alarm")
    assert found["Threshold"] == {"Fn::FindInMap": ["InstanceClasses", "{DBInstanceClass}", "ConnectionsWarning"]}


@meets("MY-61", "MY-62", "MY-64")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_lag_rings_on_every_instance(template: Template, n: int) -> None:
    found = alarm(template, f"ReplicaLagAlarmInstance{n}")
    assert (found["MetricName"], found["Threshold"]) == ("AuroraReplicaLag", "{ReplicationLagThreshold}")
    assert found["ComparisonOperator"] == "GreaterThanThreshold"
    assert dimensions(found) == {"DBInstanceIdentifier": f"{{DBInstance{n}}}"}


@meets("MY-63", "MY-64")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_memory_rings_on_every_instance(template: Template, n: int) -> None:
    found = alarm(template, f"MemoryAlarmInstance{n}")
    assert (found["MetricName"], found["Threshold"]) == ("FreeableMemory", 1073741824)
    assert found["ComparisonOperator"] == "LessThanThreshold"
    assert dimensions(found) == {"DBInstanceIdentifier": f"{{DBInstance{n}}}"}


@meets("MY-65", "MY-66")
def test_silence_of_the_writer_rings_and_every_other_alarm_takes_it_for_well(template: Template) -> None:
    treated = {one.id: one["TreatMissingData"] for one in template.of("AWS::CloudWatch::Alarm")}
    assert treated.pop("WriterSilentAlarm") == "breaching"
    assert set(treated.values()) == {"notBreaching"}
    found = alarm(template, "WriterSilentAlarm")
    assert dimensions(found) == {"DBClusterIdentifier": "{AuroraCluster}", "Role": "WRITER"}
    assert (found["MetricName"], found["ComparisonOperator"], found["Threshold"]) == (
        "EngineUptime",
        "LessThanThreshold",
        1,
    )
    assert found["Period"] * found["EvaluationPeriods"] == 180


@meets("MY-40")
def test_a_failed_rotation_rings(template: Template) -> None:
    found = alarm(template, "RotationFailedAlarm")
    hosted = template.one("AWS::SecretsManager::RotationSchedule")["HostedRotationLambda"]
    assert dimensions(found) == {"FunctionName": hosted["RotationLambdaName"]}
    assert (found["Namespace"], found["MetricName"], found["Threshold"]) == ("AWS/Lambda", "Errors", 0)


@meets("MY-66")
def test_events_of_the_cluster_and_each_instance_are_told(template: Template) -> None:
    found = {one["SourceType"]: one for one in template.of("AWS::RDS::EventSubscription")}
    assert found["db-cluster"]["SourceIds"] == ["{AuroraCluster}"]
    assert found["db-instance"]["SourceIds"] == ["{DBInstance1}", "{DBInstance2}", "{DBInstance3}"]
    for one in found.values():
        assert {"failover", "failure"} <= set(one["EventCategories"])
        assert (one["SnsTopicArn"], one["Enabled"]) == ("{AlarmTopic}", True)
        assert one.raw["DependsOn"] == ["AlarmTopicPolicy"]


@meets("MY-67")
def test_commits_a_second_ring_outside_of_what_the_hour_is_used_to(template: Template) -> None:
    found = alarm(template, "ThroughputAlarm")
    commits, expected = found["Metrics"]
    metric = commits["MetricStat"]["Metric"]
    assert (metric["Namespace"], metric["MetricName"]) == ("AWS/RDS", "CommitThroughput")
    assert {one["Name"]: one["Value"] for one in metric["Dimensions"]}["Role"] == "WRITER"
    assert expected["Expression"] == f"ANOMALY_DETECTION_BAND({commits['Id']}, 3)"
    assert found["ThresholdMetricId"] == expected["Id"]
    assert found["ComparisonOperator"] == "LessThanLowerOrGreaterThanUpperThreshold"
