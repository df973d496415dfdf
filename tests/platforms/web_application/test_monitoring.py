from __future__ import annotations

import json
from typing import Any

import pytest

from tests.platforms.databases import dimensions
from tests.platforms.reading import Resource, meets, statement
from tests.platforms.web_application.stacks import imports, stack

ALARM = "AWS::CloudWatch::Alarm"
ALERTS = ["ops@example.com", "oncall@example.com"]


def alarm(name: str, **changes: Any) -> Resource:
    return stack("monitoring", **changes).one(ALARM, AlarmName=f"alarm-{name}-dev")


@meets("HA-34")
def test_dashboard_shows_database_balancer_containers_and_sessions() -> None:
    board = stack("monitoring").one("AWS::CloudWatch::Dashboard")
    assert board["DashboardName"] == "dashboard-dev"
    body = json.dumps(board["DashboardBody"])
    for namespace in ("AWS/RDS", "AWS/ApplicationELB", "AWS/ECS", "AWS/DynamoDB", "AWS/Backup"):
        assert namespace in body


@meets("HA-35")
def test_database_is_watched_by_role_and_its_silence_rings() -> None:
    cpu = alarm("database-cpu")
    assert dimensions(cpu)["Role"] == "WRITER"
    assert cpu["TreatMissingData"] == "breaching"
    assert alarm("database-connections")["Threshold"] == 1669 * 75 // 100
    assert alarm("database-capacity")["MetricName"] == "ACUUtilization"
    assert dimensions(alarm("database-lag"))["Role"] == "READER"
    sources = {one["SourceType"] for one in stack("monitoring").of("AWS::RDS::EventSubscription")}
    assert sources == {"db-cluster", "db-instance"}


@meets("HA-36")
def test_unhealthy_targets_and_errors_ring() -> None:
    assert alarm("unhealthy-targets")["MetricName"] == "UnHealthyHostCount"
    gone = alarm("no-healthy-target")
    assert (gone["MetricName"], gone["Threshold"], gone["TreatMissingData"]) == ("HealthyHostCount", 1, "breaching")
    assert set(dimensions(gone)) == {"LoadBalancer", "TargetGroup"}
    assert alarm("target-5xx")["MetricName"] == "HTTPCode_Target_5XX_Count"
    assert alarm("balancer-5xx")["MetricName"] == "HTTPCode_ELB_5XX_Count"
    assert alarm("target-5xx", alarms={"errors": 3})["Threshold"] == 3
    assert alarm("few-tasks", application={"min_tasks": 4})["Threshold"] == 4


@meets("HA-37")
def test_slow_answers_ring() -> None:
    slow = alarm("response-time", alarms={"response_seconds": 0.5})
    assert (slow["MetricName"], slow["ExtendedStatistic"], slow["Threshold"]) == ("TargetResponseTime", "p95", 0.5)


def test_sessions_backups_and_certificate_are_watched() -> None:
    assert alarm("sessions-throttled-reads")["MetricName"] == "ReadThrottleEvents"
    assert dimensions(alarm("no-backup")) == {"BackupVaultName": "backup-vault-dev"}
    assert alarm("no-backup")["TreatMissingData"] == "breaching"
    assert alarm("backups-failed")["MetricName"] == "NumberOfBackupJobsFailed"
    assert alarm("certificate-expires")["Threshold"] == 30


@meets("HA-38")
def test_every_alarm_tells_the_topic() -> None:
    template = stack("monitoring")
    topic = template.one("AWS::SNS::Topic").id
    alarms = template.of(ALARM)
    assert len(alarms) == 18
    for one in alarms:
        assert one["AlarmActions"] == [f"{{{topic}}}"], one.id
    assert {one["SnsTopicArn"] for one in template.of("AWS::RDS::EventSubscription")} == {f"{{{topic}}}"}


@meets("HA-39")
def test_each_address_has_a_subscription() -> None:
    found = stack("monitoring", alerts=ALERTS).of("AWS::SNS::Subscription")
    assert {(one["Protocol"], one["Endpoint"]) for one in found} == {("email", address) for address in ALERTS}
    assert stack("monitoring").of("AWS::SNS::Subscription") == []


@meets("HA-40")
@pytest.mark.parametrize(
    ("sid", "service"),
    [
        ("AllowCloudWatchAlarms", "cloudwatch.amazonaws.com"),
        ("AllowDatabaseEvents", "events.rds.amazonaws.com"),
        ("AllowBackupNotices", "backup.amazonaws.com"),
    ],
)
def test_topics_key_and_policy_admit_alarms_and_database_events(sid: str, service: str) -> None:
    template, keys = stack("monitoring"), stack("keys")
    assert imports(template.one("AWS::SNS::Topic")["KmsMasterKeyId"]).startswith("web-application-keys-dev:")
    key = statement(keys.one("AWS::KMS::Key")["KeyPolicy"]["Statement"], sid)
    assert key["Principal"] == {"Service": service}
    assert set(key["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    policy = statement(template.one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"], sid)
    assert policy["Principal"] == {"Service": service}


@meets("HA-48")
def test_key_is_the_customers_and_rotates() -> None:
    template = stack("keys")
    key = template.one("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    alias = template.one("AWS::KMS::Alias")
    assert (alias["AliasName"], alias["TargetKeyId"]) == ("alias/kms-key-dev", f"{{{key.id}.Arn}}")


def test_retained_key_is_taken_over_with_its_alias() -> None:
    arn = "arn:aws:kms:us-east-1:123456789012:key/0f9d3b2a-1111-4c4c-8888-aaaaaaaaaaaa"
    template = stack("keys", adopt={"key": arn})
    assert template.of("AWS::KMS::Key") == []
    alias = template.one("AWS::KMS::Alias")
    assert (alias["AliasName"], alias["TargetKeyId"]) == ("alias/kms-key-dev", arn)
    assert stack("database", adopt={"key": arn}).one("AWS::RDS::DBCluster")["KmsKeyId"] == arn
    assert stack("backup", adopt={"key": arn}).one("AWS::Backup::BackupVault")["EncryptionKeyArn"] == arn


def test_key_admits_logs_of_the_platforms_own_groups() -> None:
    logs = statement(stack("keys").one("AWS::KMS::Key")["KeyPolicy"]["Statement"], "AllowLogs")
    admitted = {
        one.rsplit("log-group:", 1)[1] for one in logs["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]
    }
    groups = {
        one["LogGroupName"]
        for component in ("compute", "database", "storage", "backup")
        for one in stack(component).of("AWS::Logs::LogGroup")
    }
    assert groups == admitted
