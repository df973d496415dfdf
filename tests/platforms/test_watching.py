from __future__ import annotations

import json
from typing import Any

import pytest

from tests.platforms.conftest import Stacks, Synthesis
from tests.platforms.reading import Resource, Template, meets, statement

ACCOUNT = "{AWS::AccountId}"
# Namespace and metric to the dimensions AWS publishes it with; the vault's own metrics have none.
PUBLISHED = {
    ("AWS/Lambda", "Errors"): {"FunctionName"},
    ("AWS/Lambda", "Throttles"): {"FunctionName"},
    ("AWS/Lambda", "Invocations"): {"FunctionName"},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName"},
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): {"QueueName"},
    ("AWS/DynamoDB", "ReadThrottleEvents"): {"TableName"},
    ("AWS/DynamoDB", "WriteThrottleEvents"): {"TableName"},
    ("AWS/S3", "ReplicationLatency"): {"SourceBucket", "DestinationBucket", "RuleId"},
    ("AWS/S3", "OperationsPendingReplication"): {"SourceBucket", "DestinationBucket", "RuleId"},
    ("AWS/S3", "OperationsFailedReplication"): {"SourceBucket", "DestinationBucket", "RuleId"},
    ("Holdfast/BackupVault/dev", "CompletedBackups"): set(),
    ("Holdfast/BackupVault/dev", "FailedBackups"): set(),
    ("Holdfast/BackupVault/dev", "DamagedObjects"): set(),
}


def alarm(template: Template, name: str) -> Resource:
    return template.one("AWS::CloudWatch::Alarm", AlarmName=f"backup-{name}-dev")


def dimensions(resource: Resource) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in resource.get("Dimensions") or []}


@pytest.mark.parametrize("table", ["metadata", "deduplication"])
@pytest.mark.parametrize("kind", ["Read", "Write"])
def test_refused_requests_of_a_table_ring_when_they_last(primary: Template, table: str, kind: str) -> None:
    one = alarm(primary, f"{table}-{kind.lower()}-throttles")
    named = next(found for found in primary.of("AWS::DynamoDB::Table") if table in found["TableName"])
    assert one["MetricName"] == f"{kind}ThrottleEvents"
    assert dimensions(one) == {"TableName": f"{{{named.id}}}"}
    assert (one["Statistic"], one["Threshold"], one["Period"], one["EvaluationPeriods"]) == ("Sum", 1, 300, 3)


@pytest.mark.parametrize("region", ["primary", "replica"])
def test_every_alarm_reads_a_metric_that_exists_and_tells_the_topic(stacks: Stacks, region: str) -> None:
    template: Template = getattr(stacks, region)
    topic = f"{{{template.one('AWS::SNS::Topic').id}}}"
    alarms = template.of("AWS::CloudWatch::Alarm")
    assert alarms
    for one in alarms:
        assert set(dimensions(one)) == PUBLISHED[one["Namespace"], one["MetricName"]], one.id
        assert one["AlarmActions"] == [topic]
        assert len(one["AlarmDescription"]) > 40


@meets("BS-62")
def test_initiator_errors_ring(primary: Template) -> None:
    found = alarm(primary, "initiator-errors")
    assert (found["MetricName"], found["Statistic"], found["Threshold"], found["Period"]) == ("Errors", "Sum", 1, 300)
    assert found["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert (found["EvaluationPeriods"], found["TreatMissingData"]) == (1, "notBreaching")
    assert dimensions(found) == {"FunctionName": "backup-initiator-dev"}


@meets("BS-63", "BS-64")
def test_dead_letters_ring_on_the_metric_that_exists(primary: Template) -> None:
    found = alarm(primary, "dead-letters")
    queue = primary.one("AWS::SQS::Queue", QueueName="backup-dead-letters-dev")
    assert found["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert (found["Threshold"], found["Period"], found["EvaluationPeriods"]) == (1, 60, 1)
    assert found["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert found["TreatMissingData"] == "notBreaching"
    assert dimensions(found) == {"QueueName": f"{{{queue.id}.QueueName}}"}


@meets("BS-65")
@pytest.mark.parametrize("name", ["none-completed", "initiator-silent"])
def test_a_day_of_silence_rings(primary: Template, name: str) -> None:
    found = alarm(primary, name)
    assert found["Period"] * found["EvaluationPeriods"] == 86400
    assert (found["ComparisonOperator"], found["Threshold"]) == ("LessThanThreshold", 1)
    assert found["TreatMissingData"] == "breaching"


def test_failed_replication_rings_where_s3_publishes_it(primary: Template) -> None:
    found = alarm(primary, "replication-failed")
    (rule,) = primary.bucket("backup-primary-")["ReplicationConfiguration.Rules"]
    assert dimensions(found) == {
        "SourceBucket": f"backup-primary-dev-{ACCOUNT}-us-east-1",
        "DestinationBucket": f"backup-replication-dev-{ACCOUNT}-us-west-2",
        "RuleId": rule["Id"],
    }


def test_late_replication_and_silence_about_it_ring_in_the_second_region(replica: Template) -> None:
    late = alarm(replica, "replication-late")
    assert (late["MetricName"], late["Threshold"]) == ("ReplicationLatency", 900)
    assert late["TreatMissingData"] == "breaching"
    pending = alarm(replica, "replication-pending")
    assert (pending["Threshold"], pending["Period"] * pending["EvaluationPeriods"]) == (0, 3600)


def test_queue_age_rings_at_the_bound_that_the_rpo_is_computed_with(synthesis: Synthesis) -> None:
    template = synthesis(vault={"max_concurrent_backups": 20}).primary
    assert alarm(template, "queue-age")["Threshold"] == 1000 / 20 * template.function("worker")["Timeout"]


@meets("BS-04")
def test_each_address_has_one_subscription_in_each_region(synthesis: Synthesis, stacks: Stacks) -> None:
    addresses = ["ops@example.com", "oncall@example.com"]
    built = synthesis(alerts=addresses)
    for template in (built.primary, built.replica):
        found = [(one["Protocol"], one["Endpoint"]) for one in template.of("AWS::SNS::Subscription")]
        assert sorted(found) == sorted(("email", one) for one in addresses)
    assert stacks.primary.of("AWS::SNS::Subscription") == []


@meets("BS-18")
@pytest.mark.parametrize("region", ["primary", "replica"])
def test_topic_lets_alarms_of_this_account_publish(stacks: Stacks, region: str) -> None:
    policy = getattr(stacks, region).one("AWS::SNS::TopicPolicy")
    allowed = statement(policy["PolicyDocument.Statement"], "AllowCloudWatchAlarms")
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def widgets(primary: Template) -> dict[str, dict[str, Any]]:
    body = json.loads(primary.one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    return {one["properties"]["title"]: one["properties"] for one in body["widgets"]}


@meets("BS-60")
def test_dashboard_shows_storage_and_operations(primary: Template) -> None:
    assert primary.one("AWS::CloudWatch::Dashboard")["DashboardName"] == "BackupSystemMonitoring-dev"
    found = widgets(primary)
    assert {metric[1] for metric in found["Storage"]["metrics"]} == {"BucketSizeBytes"}
    assert {metric[3] for metric in found["Storage"]["metrics"]} == {
        f"backup-primary-dev-{ACCOUNT}-us-east-1",
        f"backup-replication-dev-{ACCOUNT}-us-west-2",
    }
    left = {(m[1], m[3]) for m in found["Operations"]["metrics"] if m[-1].get("yAxis") != "right"}
    right = {m[1] for m in found["Operations"]["metrics"] if m[-1].get("yAxis") == "right"}
    assert {name for name, _ in left} == {"Invocations", "ApproximateNumberOfMessagesVisible"}
    assert right == {"Errors", "ApproximateNumberOfMessagesVisible"}


@meets("BS-61")
def test_storage_widget_is_daily_and_covers_every_class_objects_move_to(primary: Template) -> None:
    storage = widgets(primary)["Storage"]
    assert storage["period"] == 86400
    assert {metric[5] for metric in storage["metrics"]} >= {"StandardStorage", "StandardIAStorage"}
    assert {(metric[3][:14], metric[-1]["region"]) for metric in storage["metrics"]} == {
        ("backup-primary", "us-east-1"),
        ("backup-replica", "us-west-2"),
    }


@meets("BS-67", "BS-69")
def test_trail_covers_all_regions_validates_and_encrypts(primary: Template) -> None:
    trail = primary.one("AWS::CloudTrail::Trail")
    names = ("IsLogging", "IsMultiRegionTrail", "IncludeGlobalServiceEvents", "EnableLogFileValidation")
    assert [trail[name] for name in names] == [True] * 4
    assert trail["KMSKeyId"] == f"{{{primary.one('AWS::KMS::Key').id}.Arn}}"


@meets("BS-68")
def test_trail_records_every_access_to_backups_in_both_regions(primary: Template) -> None:
    (selector,) = primary.one("AWS::CloudTrail::Trail")["EventSelectors"]
    assert selector["ReadWriteType"] == "All"
    assert selector["DataResources"] == [
        {
            "Type": "AWS::S3::Object",
            "Values": [
                f"arn:aws:s3:::backup-primary-dev-{ACCOUNT}-us-east-1/backups/",
                f"arn:aws:s3:::backup-replication-dev-{ACCOUNT}-us-west-2/backups/",
            ],
        }
    ]


@meets("BS-70")
def test_trail_may_write_its_own_files_and_nothing_else(primary: Template) -> None:
    statements = primary.bucket_policy("backup-audit-trail-")
    arn = f"{{{primary.bucket('backup-audit-trail-').id}.Arn}}"
    trail = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/backup-audit-trail-dev"
    check, write = (statement(statements, sid) for sid in ("AllowTrailAclCheck", "AllowTrailWrite"))
    assert (check["Action"], check["Resource"]) == ("s3:GetBucketAcl", arn)
    assert (write["Action"], write["Resource"]) == ("s3:PutObject", f"{arn}/AWSLogs/{ACCOUNT}/*")
    assert write["Condition"]["StringEquals"] == {
        "aws:SourceArn": trail,
        "s3:x-amz-acl": "bucket-owner-full-control",
    }
    policy = primary.one("AWS::S3::BucketPolicy", Bucket=f"{{{primary.bucket('backup-audit-trail-').id}}}")
    assert policy.id in primary.one("AWS::CloudTrail::Trail").raw["DependsOn"]


@meets("BS-03", "BS-71")
def test_daily_rule_invokes_the_initiator_at_two(primary: Template) -> None:
    rule = primary.one("AWS::Events::Rule", Name="backup-daily-dev")
    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(0 2 * * ? *)", "ENABLED")
    (target,) = rule["Targets"]
    initiator = primary.function("initiator")
    assert target["Arn"] == f"{{{initiator.id}.Arn}}"
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 3}
    permission = primary.one("AWS::Lambda::Permission", SourceArn=f"{{{rule.id}.Arn}}")
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["FunctionName"] == f"{{{initiator.id}.Arn}}"


@meets("BS-55")
def test_event_that_no_function_took_waits_in_a_queue_the_rule_may_write(primary: Template) -> None:
    lost = primary.one("AWS::SQS::Queue", QueueName="backup-lost-events-dev")
    policy = primary.one("AWS::SQS::QueuePolicy", Queues=[f"{{{lost.id}}}"])
    allowed = {
        one["Condition"]["ArnEquals"]["aws:SourceArn"]
        for one in policy["PolicyDocument.Statement"]
        if one["Effect"] == "Allow"
    }
    assert allowed == {f"{{{rule.id}.Arn}}" for rule in primary.of("AWS::Events::Rule")}
    invoke = primary.one("AWS::Lambda::EventInvokeConfig")
    assert invoke["DestinationConfig.OnFailure.Destination"] == f"{{{lost.id}.Arn}}"
    lose = statement(primary.rights("initiator"), "LoseNoEvent")
    assert lose["Resource"] == f"{{{lost.id}.Arn}}"


@pytest.mark.parametrize(("kind", "role"), [("interim", "initiator"), ("prune", "prune"), ("verify", "verify")])
def test_other_rules_invoke_their_functions(primary: Template, kind: str, role: str) -> None:
    rule = primary.one("AWS::Events::Rule", Name=f"backup-{kind}-dev")
    assert rule["Targets"][0]["Arn"] == f"{{{primary.function(role).id}.Arn}}"


@meets("BS-03")
def test_schedule_of_the_settings_is_the_rules(synthesis: Synthesis) -> None:
    template = synthesis(vault={"schedule": "rate(6 hours)", "interim_schedule": None}).primary
    assert template.one("AWS::Events::Rule", Name="backup-daily-dev")["ScheduleExpression"] == "rate(6 hours)"
    assert template.of("AWS::Events::Rule", Name="backup-interim-dev") == []
