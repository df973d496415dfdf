"""What a template promises of each resource type, and which answer of which service shows it.

One row a property: the property, the call, where in its answer the value is, and how the answer is put into the
template's words where they differ. Paths are dotted; a number is a place in a list. `UNTOLD` are the properties that
no service API of AWS, or none of the embedded AWS, tells back.
"""

from __future__ import annotations

import json
from typing import Any

from holdfast.rehearsal import read_back_words as words
from holdfast.rehearsal.promised_applications import APPLICATIONS
from holdfast.rehearsal.promised_databases import DATABASES, DATABASES_UNTOLD
from holdfast.rehearsal.read_back_rows import (
    Call,
    Deployed,
    Row,
    addressed,
    among,
    as_is,
    by_arn,
    by_attribute,
    by_id,
    rows,
)

BUCKET = "Bucket"
ATTRIBUTES = Call(
    service="sqs",
    operation="get_queue_attributes",
    parameters=lambda it: {"QueueUrl": it.physical_id, "AttributeNames": ["All"]},
)
FUNCTION = by_id("lambda", "get_function_configuration", "FunctionName")
TABLE = by_id("dynamodb", "describe_table", "TableName")
ALARM = Call(service="cloudwatch", operation="describe_alarms", parameters=lambda it: {"AlarmNames": [it.physical_id]})
MAPPING = by_id("lambda", "get_event_source_mapping", "UUID")
TRAIL = by_id("cloudtrail", "get_trail", "Name")
VPC = Call(service="ec2", operation="describe_vpcs", parameters=lambda it: {"VpcIds": [it.physical_id]})
SUBNET = Call(service="ec2", operation="describe_subnets", parameters=lambda it: {"SubnetIds": [it.physical_id]})
ENDPOINT = Call(
    service="ec2", operation="describe_vpc_endpoints", parameters=lambda it: {"VpcEndpointIds": [it.physical_id]}
)
GROUP = Call(service="ec2", operation="describe_security_groups", parameters=lambda it: {"GroupIds": [it.physical_id]})
LOG_GROUP = by_id("logs", "describe_log_groups", "logGroupNamePrefix")
BUCKET_POLICY = Call(service="s3", operation="get_bucket_policy", parameters=lambda it: {BUCKET: it.properties[BUCKET]})
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


def _subscription(answer: Any, it: Deployed) -> Any:
    """Find a subscription among its topic's: one that waits for its confirmation has no ARN of its own."""
    return next((one for one in answer["Subscriptions"] if one["Endpoint"] == it.properties["Endpoint"]), {})


SUBSCRIPTION = Call(
    service="sns",
    operation="list_subscriptions_by_topic",
    parameters=lambda it: {"TopicArn": it.properties["TopicArn"]},
    select=_subscription,
)


def _vpc_attribute(name: str) -> Call:
    return Call(
        service="ec2",
        operation="describe_vpc_attribute",
        parameters=lambda it: {"VpcId": it.physical_id, "Attribute": name},
    )


def _association(answer: Any, it: Deployed) -> Any:
    associations = answer["RouteTables"][0]["Associations"]
    return next((one for one in associations if one.get("SubnetId") == it.properties["SubnetId"]), {})


def _statement(answer: Any, it: Deployed) -> Any:
    """Find a Lambda permission in its function's policy."""
    statements = json.loads(answer["Policy"])["Statement"]
    told = [
        {
            "Action": one["Action"],
            "Principal": one["Principal"].get("Service") if isinstance(one["Principal"], dict) else one["Principal"],
            "SourceArn": one.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn"),
        }
        for one in statements
    ]
    return next((one for one in told if one["SourceArn"] == it.properties.get("SourceArn")), {})


INVOKE_CONFIG = Call(
    service="lambda",
    operation="get_function_event_invoke_config",
    parameters=lambda it: {name: it.properties[name] for name in ("FunctionName", "Qualifier")},
)
PERMISSION = Call(
    service="lambda",
    operation="get_policy",
    parameters=lambda it: {"FunctionName": it.properties["FunctionName"]},
    select=_statement,
)


def _alarm_fields(*names: str) -> dict[str, str]:
    return {name: f"MetricAlarms.0.{name}" for name in names}


_OF_THE_VAULT: dict[str, list[Row]] = {
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
        *rows(by_id("cloudtrail", "get_trail_status", "Name"), IsLogging="IsLogging"),
        *rows(by_id("cloudtrail", "get_event_selectors", "TrailName"), EventSelectors="EventSelectors"),
        *rows(
            Call(service="cloudtrail", operation="list_tags", parameters=lambda it: {"ResourceIdList": [it.arn]}),
            Tags=("ResourceTagList.0.TagsList", *words.tags()),
        ),
    ],
    "AWS::CloudWatch::Alarm": rows(
        by_arn("cloudwatch", "list_tags_for_resource", "ResourceARN"), Tags=("Tags", *words.tags())
    )
    + rows(
        ALARM,
        **_alarm_fields(
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
    "AWS::CloudWatch::Dashboard": rows(
        by_id("cloudwatch", "get_dashboard", "DashboardName"),
        DashboardBody=("DashboardBody", words.parsed, words.parsed),
        DashboardName="DashboardName",
    ),
    "AWS::DynamoDB::Table": [
        *rows(
            TABLE,
            TableName="Table.TableName",
            KeySchema="Table.KeySchema",
            AttributeDefinitions="Table.AttributeDefinitions",
            BillingMode="Table.BillingModeSummary.BillingMode",
            DeletionProtectionEnabled="Table.DeletionProtectionEnabled",
            GlobalSecondaryIndexes=("Table.GlobalSecondaryIndexes", words.indexes),
            SSESpecification=("Table.SSEDescription", words.table_encryption),
            StreamSpecification="Table.StreamSpecification",
        ),
        *rows(
            by_id("dynamodb", "describe_continuous_backups", "TableName"),
            PointInTimeRecoverySpecification=(
                "ContinuousBackupsDescription.PointInTimeRecoveryDescription",
                words.recovery,
            ),
        ),
        *rows(
            by_id("dynamodb", "describe_time_to_live", "TableName"),
            TimeToLiveSpecification=("TimeToLiveDescription", words.expiry),
        ),
        *rows(by_arn("dynamodb", "list_tags_of_resource", "ResourceArn"), Tags=("Tags", *words.tags())),
    ],
    "AWS::EC2::RouteTable": rows(
        Call(
            service="ec2",
            operation="describe_route_tables",
            parameters=lambda it: {"RouteTableIds": [it.physical_id]},
        ),
        VpcId="RouteTables.0.VpcId",
        Tags=("RouteTables.0.Tags", *words.tags()),
    ),
    "AWS::EC2::SecurityGroup": rows(
        GROUP,
        GroupDescription="SecurityGroups.0.Description",
        VpcId="SecurityGroups.0.VpcId",
        GroupName="SecurityGroups.0.GroupName",
        Tags=("SecurityGroups.0.Tags", *words.tags()),
    )
    + among(
        GROUP,
        SecurityGroupIngress=("SecurityGroups.0.IpPermissions", words.peers),
        SecurityGroupEgress=("SecurityGroups.0.IpPermissionsEgress", words.destinations),
    ),
    "AWS::EC2::Subnet": rows(
        SUBNET,
        AvailabilityZone="Subnets.0.AvailabilityZone",
        CidrBlock="Subnets.0.CidrBlock",
        MapPublicIpOnLaunch="Subnets.0.MapPublicIpOnLaunch",
        VpcId="Subnets.0.VpcId",
        Tags=("Subnets.0.Tags", *words.tags()),
    ),
    "AWS::EC2::SubnetRouteTableAssociation": rows(
        Call(
            service="ec2",
            operation="describe_route_tables",
            parameters=lambda it: {"RouteTableIds": [it.properties["RouteTableId"]]},
            select=_association,
        ),
        RouteTableId="RouteTableId",
        SubnetId="SubnetId",
    ),
    "AWS::EC2::VPC": [
        *rows(
            VPC,
            CidrBlock="Vpcs.0.CidrBlock",
            InstanceTenancy="Vpcs.0.InstanceTenancy",
            Tags=("Vpcs.0.Tags", *words.tags()),
        ),
        *rows(_vpc_attribute("enableDnsHostnames"), EnableDnsHostnames="EnableDnsHostnames.Value"),
        *rows(_vpc_attribute("enableDnsSupport"), EnableDnsSupport="EnableDnsSupport.Value"),
    ],
    "AWS::EC2::VPCEndpoint": rows(
        ENDPOINT,
        PrivateDnsEnabled="VpcEndpoints.0.PrivateDnsEnabled",
        PolicyDocument=("VpcEndpoints.0.PolicyDocument", words.parsed),
        RouteTableIds="VpcEndpoints.0.RouteTableIds",
        SecurityGroupIds=("VpcEndpoints.0.Groups", words.each("GroupId")),
        ServiceName="VpcEndpoints.0.ServiceName",
        SubnetIds="VpcEndpoints.0.SubnetIds",
        VpcEndpointType="VpcEndpoints.0.VpcEndpointType",
        VpcId="VpcEndpoints.0.VpcId",
        Tags=("VpcEndpoints.0.Tags", *words.tags()),
    ),
    "AWS::Events::Rule": [
        *rows(
            RULE,
            Name="Name",
            Description="Description",
            ScheduleExpression="ScheduleExpression",
            State="State",
            EventPattern=("EventPattern", words.parsed),
        ),
        *rows(by_id("events", "list_targets_by_rule", "Rule"), Targets="Targets"),
        *rows(by_arn("events", "list_tags_for_resource", "ResourceARN"), Tags=("Tags", *words.tags())),
    ],
    "AWS::IAM::Role": [
        *rows(
            by_id("iam", "get_role", "RoleName"),
            AssumeRolePolicyDocument="Role.AssumeRolePolicyDocument",
            Description="Role.Description",
            RoleName="Role.RoleName",
        ),
        *rows(
            by_id("iam", "list_attached_role_policies", "RoleName"),
            ManagedPolicyArns=("AttachedPolicies", words.each("PolicyArn")),
        ),
        *rows(
            Call(
                service="iam",
                operation="get_role_policy",
                parameters=lambda it: [
                    {"RoleName": it.physical_id, "PolicyName": one["PolicyName"]} for one in it.properties["Policies"]
                ],
            ),
            Policies="",
        ),
        *rows(by_id("iam", "list_role_tags", "RoleName"), Tags=("Tags", *words.tags())),
    ],
    "AWS::KMS::Alias": rows(
        Call(service="kms", operation="list_aliases", parameters=lambda it: {"KeyId": it.properties["TargetKeyId"]}),
        AliasName="Aliases.0.AliasName",
        TargetKeyId=("Aliases.0.TargetKeyId", words.key_id, words.key_id),
    ),
    "AWS::KMS::Key": [
        *rows(by_id("kms", "get_key_rotation_status", "KeyId"), EnableKeyRotation="KeyRotationEnabled"),
        *rows(
            Call(
                service="kms",
                operation="get_key_policy",
                parameters=lambda it: {"KeyId": it.physical_id, "PolicyName": "default"},
            ),
            KeyPolicy=("Policy", words.parsed),
        ),
        *rows(by_id("kms", "describe_key", "KeyId"), Description="KeyMetadata.Description"),
        *rows(by_id("kms", "list_resource_tags", "KeyId"), Tags=("Tags", *words.tags("TagKey", "TagValue"))),
    ],
    "AWS::Lambda::EventInvokeConfig": rows(
        INVOKE_CONFIG,
        MaximumRetryAttempts="MaximumRetryAttempts",
        MaximumEventAgeInSeconds="MaximumEventAgeInSeconds",
        DestinationConfig="DestinationConfig",
    )
    + addressed(INVOKE_CONFIG, "FunctionName", "Qualifier"),
    "AWS::Lambda::EventSourceMapping": rows(
        MAPPING,
        BatchSize="BatchSize",
        EventSourceArn="EventSourceArn",
        FunctionName=("FunctionArn", lambda arn: arn.rpartition(":")[2]),
        FunctionResponseTypes="FunctionResponseTypes",
        ScalingConfig="ScalingConfig",
    )
    + rows(by_attribute("lambda", "list_tags", "Resource", "EventSourceMappingArn"), Tags=("Tags", *words.tags())),
    "AWS::Lambda::Function": [
        *rows(
            FUNCTION,
            Architectures="Architectures",
            Description="Description",
            Environment="Environment",
            FunctionName="FunctionName",
            Handler="Handler",
            LoggingConfig="LoggingConfig",
            MemorySize="MemorySize",
            Role="Role",
            Runtime="Runtime",
            Timeout="Timeout",
            VpcConfig="VpcConfig",
        ),
        *rows(
            by_id("lambda", "get_function_concurrency", "FunctionName"),
            ReservedConcurrentExecutions="ReservedConcurrentExecutions",
        ),
        *rows(by_arn("lambda", "list_tags", "Resource"), Tags=("Tags", *words.tags())),
    ],
    "AWS::Lambda::Permission": rows(PERMISSION, Action="Action", Principal="Principal", SourceArn="SourceArn")
    + addressed(PERMISSION, "FunctionName"),
    "AWS::Logs::LogGroup": rows(
        LOG_GROUP,
        LogGroupName="logGroups.0.logGroupName",
        RetentionInDays="logGroups.0.retentionInDays",
        KmsKeyId="logGroups.0.kmsKeyId",
    )
    + rows(by_id("logs", "list_tags_log_group", "logGroupName"), Tags=("tags", *words.tags())),
    "AWS::S3::Bucket": [
        *rows(
            by_id("s3", "get_bucket_encryption", BUCKET),
            BucketEncryption=("ServerSideEncryptionConfiguration.Rules", words.wanted_encryption, words.encryption),
        ),
        *rows(
            by_id("s3", "get_bucket_versioning", BUCKET),
            VersioningConfiguration=("", lambda it: {"Status": it["Status"]}),
        ),
        *rows(
            by_id("s3", "get_bucket_lifecycle_configuration", BUCKET),
            LifecycleConfiguration=("Rules", words.wanted_lifecycle, words.lifecycle),
        ),
        *rows(
            by_id("s3", "get_bucket_replication", BUCKET),
            ReplicationConfiguration=("ReplicationConfiguration", words.replication),
        ),
        *rows(by_id("s3", "get_bucket_logging", BUCKET), LoggingConfiguration=("LoggingEnabled", words.logging)),
        *rows(
            by_id("s3", "get_object_lock_configuration", BUCKET),
            ObjectLockConfiguration="ObjectLockConfiguration",
            ObjectLockEnabled=("ObjectLockConfiguration.ObjectLockEnabled", lambda it: it == "Enabled"),
        ),
        *rows(by_id("s3", "get_bucket_ownership_controls", BUCKET), OwnershipControls="OwnershipControls"),
        *rows(
            by_id("s3", "get_public_access_block", BUCKET),
            PublicAccessBlockConfiguration="PublicAccessBlockConfiguration",
        ),
        *rows(
            by_id("s3", "get_bucket_accelerate_configuration", BUCKET),
            AccelerateConfiguration=("Status", lambda status: {"AccelerationStatus": status}),
        ),
        *addressed(by_id("s3", "head_bucket", BUCKET), "BucketName"),
        *rows(by_id("s3", "get_bucket_tagging", BUCKET), Tags=("TagSet", *words.tags())),
    ],
    "AWS::S3::BucketPolicy": rows(BUCKET_POLICY, PolicyDocument=("Policy", words.parsed))
    + addressed(BUCKET_POLICY, "Bucket"),
    "AWS::SNS::Topic": [
        *rows(
            by_arn("sns", "get_topic_attributes", "TopicArn"),
            DisplayName="Attributes.DisplayName",
            KmsMasterKeyId="Attributes.KmsMasterKeyId",
            TopicName=("Attributes.TopicArn", lambda arn: arn.rpartition(":")[2]),
        ),
        *among(by_arn("sns", "list_subscriptions_by_topic", "TopicArn"), Subscription=("Subscriptions", as_is)),
        *rows(by_arn("sns", "list_tags_for_resource", "ResourceArn"), Tags=("Tags", *words.tags())),
    ],
    "AWS::SNS::Subscription": rows(SUBSCRIPTION, Endpoint="Endpoint", Protocol="Protocol", TopicArn="TopicArn"),
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
        *rows(by_id("sqs", "list_queue_tags", "QueueUrl"), Tags=("Tags", *words.tags())),
    ],
    "AWS::SQS::QueuePolicy": rows(QUEUE_POLICY, PolicyDocument=("0.Attributes.Policy", words.parsed))
    + addressed(QUEUE_POLICY, "Queues"),
    "AWS::SSM::Parameter": [
        *rows(
            by_id("ssm", "get_parameter", "Name"),
            Name="Parameter.Name",
            Type="Parameter.Type",
            Value="Parameter.Value",
        ),
        *rows(
            Call(
                service="ssm",
                operation="describe_parameters",
                parameters=lambda it: {"ParameterFilters": [{"Key": "Name", "Values": [it.physical_id]}]},
            ),
            Description="Parameters.0.Description",
        ),
        *rows(
            Call(
                service="ssm",
                operation="list_tags_for_resource",
                parameters=lambda it: {"ResourceType": "Parameter", "ResourceId": it.physical_id},
            ),
            Tags=("TagList", *words.tags()),
        ),
    ],
}

PROMISED: dict[str, list[Row]] = {
    name: [*_OF_THE_VAULT.get(name, []), *DATABASES.get(name, []), *APPLICATIONS.get(name, [])]
    for name in {**_OF_THE_VAULT, **DATABASES, **APPLICATIONS}
}

CUSTOM = "the properties of a custom resource are its function's input, no service holds them"
UNTOLD: dict[tuple[str, str], str] = {
    ("AWS::KMS::Key", "PendingWindowInDays"): "KMS tells it only once the key's deletion is scheduled",
    ("AWS::Lambda::Function", "Code"): "functions run from the bundle; its bytes are not compared",
    ("AWS::CloudWatch::Dashboard", "Tags"): "the embedded AWS keeps no tags of dashboards",
    ("AWS::EC2::FlowLog", "ResourceType"): "EC2 tells the resource, whose id names its type",
    **DATABASES_UNTOLD,
}
