"""What a template promises of alarms, dashboards, trails and logs."""

from __future__ import annotations

from holdfast.rehearsal import read_back_words as words
from holdfast.rehearsal.read_back_rows import Call, Row, by_arn, by_id, in_first, rows, tagged

ALARM = Call(service="cloudwatch", operation="describe_alarms", parameters=lambda it: {"AlarmNames": [it.physical_id]})
TRAIL = by_id("cloudtrail", "get_trail", "Name")
LOG_GROUP = by_id("logs", "describe_log_groups", "logGroupNamePrefix")
COMPOSITE = Call(
    service="cloudwatch",
    operation="describe_alarms",
    parameters=lambda it: {"AlarmNames": [it.physical_id], "AlarmTypes": ["CompositeAlarm"]},
)

WATCHING: dict[str, list[Row]] = {
    "AWS::CloudTrail::Trail": [
        *rows(
            TRAIL,
            S3BucketName="Trail.S3BucketName",
            IsMultiRegionTrail="Trail.IsMultiRegionTrail",
            IncludeGlobalServiceEvents="Trail.IncludeGlobalServiceEvents",
            EnableLogFileValidation="Trail.LogFileValidationEnabled",
            KMSKeyId="Trail.KmsKeyId",
            TrailName="Trail.Name",
        ),
        *rows(by_id("cloudtrail", "get_trail_status", "Name"), "IsLogging"),
        *rows(by_id("cloudtrail", "get_event_selectors", "TrailName"), "EventSelectors"),
        *tagged(
            Call(service="cloudtrail", operation="list_tags", parameters=lambda it: {"ResourceIdList": [it.arn]}),
            "ResourceTagList.0.TagsList",
        ),
    ],
    "AWS::CloudWatch::Alarm": tagged(by_arn("cloudwatch", "list_tags_for_resource", "ResourceARN"))
    + rows(
        ALARM,
        **in_first(
            "MetricAlarms",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "MetricName",
            "Metrics",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Threshold",
            "ThresholdMetricId",
            "TreatMissingData",
        ),
    ),
    "AWS::CloudWatch::CompositeAlarm": rows(
        COMPOSITE,
        **in_first("CompositeAlarms", "AlarmName", "AlarmRule", "AlarmActions", "OKActions", "AlarmDescription"),
    ),
    "AWS::CloudWatch::Dashboard": rows(
        by_id("cloudwatch", "get_dashboard", "DashboardName"),
        "DashboardName",
        DashboardBody=("DashboardBody", words.parsed, words.parsed),
    ),
    "AWS::Logs::LogGroup": rows(
        LOG_GROUP,
        LogGroupName="logGroups.0.logGroupName",
        RetentionInDays="logGroups.0.retentionInDays",
        KmsKeyId="logGroups.0.kmsKeyId",
    )
    + tagged(by_id("logs", "list_tags_log_group", "logGroupName"), "tags"),
    "AWS::Logs::MetricFilter": rows(
        Call(
            service="logs",
            operation="describe_metric_filters",
            parameters=lambda it: {"logGroupName": it.properties["LogGroupName"]},
            select=lambda answer, it: next(
                (one for one in answer["metricFilters"] if one["filterPattern"] == it.properties["FilterPattern"]), {}
            ),
        ),
        FilterPattern="filterPattern",
        LogGroupName="logGroupName",
        MetricTransformations=("metricTransformations", words.lowered, words.lowered),
    ),
}
