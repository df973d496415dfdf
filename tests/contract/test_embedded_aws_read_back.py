"""The read-back gate passes what is there and finds each property that is lost behind CloudFormation's back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.rehearsal.deploy import Deployment, deploy
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.rehearsal.read_back import Verdict, read_back
from tests.support.emulator import ANYTHING, AWAY, HOME, code, function, role, stack

pytestmark = pytest.mark.emulator

TAGS = [{"Key": "Owner", "Value": "BackupTeam"}]
EVERYBODY = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Resource": "*"}


def document(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{**EVERYBODY, "Action": action}]}


def resources(source: Any) -> dict[str, Any]:
    key_arn = {"Fn::GetAtt": ["Key", "Arn"]}
    kms = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}}
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "status")]
    replication_rule = {
        "Id": "all",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": "arn:aws:s3:::read-back-target"},
    }
    lifecycle_rule = {
        "Id": "old",
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 60},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        "Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 30}],
    }
    return {
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {"EnableKeyRotation": True, "KeyPolicy": document("kms:*"), "Tags": TAGS},
        },
        "Alias": {
            "Type": "AWS::KMS::Alias",
            "Properties": {"AliasName": "alias/read-back", "TargetKeyId": key_arn},
        },
        "Role": role(ANYTHING),
        "Replicator": role(ANYTHING, "s3.amazonaws.com"),
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": "read-back",
                "VersioningConfiguration": {"Status": "Enabled"},
                "BucketEncryption": {"ServerSideEncryptionConfiguration": [kms]},
                "ObjectLockEnabled": True,
                "ObjectLockConfiguration": {
                    "ObjectLockEnabled": "Enabled",
                    "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 60}},
                },
                "LifecycleConfiguration": {"Rules": [lifecycle_rule]},
                "ReplicationConfiguration": {
                    "Role": {"Fn::GetAtt": ["Replicator", "Arn"]},
                    "Rules": [replication_rule],
                },
                "LoggingConfiguration": {"DestinationBucketName": "read-back", "LogFilePrefix": "logs/"},
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "RestrictPublicBuckets": True},
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "Tags": TAGS,
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": "read-back",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": attributes,
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "StatusIndex",
                        "KeySchema": [{"AttributeName": "status", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
                "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key_arn},
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
                "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
                "Tags": TAGS,
            },
        },
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": "read-back", "VisibilityTimeout": 900, "KmsMasterKeyId": key_arn},
        },
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"TopicName": "read-back", "DisplayName": "Notices", "KmsMasterKeyId": key_arn},
        },
        "Function": function(
            "read-back",
            source,
            ReservedConcurrentExecutions=4,
            Environment={"Variables": {"QUEUE": {"Ref": "Queue"}}},
        ),
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                "FunctionName": {"Ref": "Function"},
                "BatchSize": 1,
                "ScalingConfig": {"MaximumConcurrency": 10},
                "Tags": TAGS,
            },
        },
        "Log": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": "/read/back", "RetentionInDays": 30, "KmsKeyId": key_arn},
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": "read-back",
                "MetricName": "Errors",
                "Namespace": "AWS/Lambda",
                "Statistic": "Sum",
                "Period": 300,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [{"Ref": "Topic"}],
            },
        },
        "Schedule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "read-back",
                "ScheduleExpression": "cron(0 2 * * ? *)",
                "State": "ENABLED",
                "Targets": [
                    {
                        "Id": "f",
                        "Arn": {"Fn::GetAtt": ["Function", "Arn"]},
                        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
                    }
                ],
            },
        },
        "Trail": {
            "Type": "AWS::CloudTrail::Trail",
            "Properties": {
                "TrailName": "read-back",
                "S3BucketName": {"Ref": "Bucket"},
                "IsLogging": True,
                "IsMultiRegionTrail": True,
                "EnableLogFileValidation": True,
                "KMSKeyId": key_arn,
                "EventSelectors": [
                    {"DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::read-back/backups/"]}]}
                ],
            },
        },
        "Vpc": {
            "Type": "AWS::EC2::VPC",
            "Properties": {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True, "EnableDnsSupport": True},
        },
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "endpoints",
                "VpcId": {"Ref": "Vpc"},
                "SecurityGroupIngress": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 443,
                        "ToPort": 443,
                        "CidrIp": {"Fn::GetAtt": ["Vpc", "CidrBlock"]},
                    }
                ],
            },
        },
        "Endpoint": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "ServiceName": "com.amazonaws.us-east-1.kms",
                "VpcEndpointType": "Interface",
                "PrivateDnsEnabled": True,
                "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}],
                "PolicyDocument": document("kms:Decrypt"),
            },
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def deployed(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    source = code(tmp_path_factory.mktemp("bundles"), "f", "def handler(event, context):\n    return 1\n")
    versioned = {"BucketName": "read-back-target", "VersioningConfiguration": {"Status": "Enabled"}}
    target = {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": versioned}}
    deploy(aws, [stack("read-back-target", target, region=AWAY)])
    return deploy(aws, [stack("read-back", resources(source), source)])


def different(aws: EmbeddedAws, deployment: Deployment) -> set[str]:
    found = read_back(aws, deployment)
    return {f"{one.logical_id}.{one.property}" for one in found if one.verdict is Verdict.DIFFERENT}


LOSSES: list[tuple[str, str, Callable[[Any, Deployment], Any]]] = [
    ("Bucket.LifecycleConfiguration", "s3", lambda s3, _: s3.delete_bucket_lifecycle(Bucket="read-back")),
    ("Bucket.BucketEncryption", "s3", lambda s3, _: s3.delete_bucket_encryption(Bucket="read-back")),
    ("Bucket.ReplicationConfiguration", "s3", lambda s3, _: s3.delete_bucket_replication(Bucket="read-back")),
    ("Bucket.OwnershipControls", "s3", lambda s3, _: s3.delete_bucket_ownership_controls(Bucket="read-back")),
    ("Bucket.PublicAccessBlockConfiguration", "s3", lambda s3, _: s3.delete_public_access_block(Bucket="read-back")),
    ("Bucket.Tags", "s3", lambda s3, _: s3.delete_bucket_tagging(Bucket="read-back")),
    ("Bucket.LoggingConfiguration", "s3",
     lambda s3, _: s3.put_bucket_logging(Bucket="read-back", BucketLoggingStatus={})),
    ("Bucket.ObjectLockConfiguration", "s3",
     lambda s3, _: s3.put_object_lock_configuration(
         Bucket="read-back", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})),
    ("Table.PointInTimeRecoverySpecification", "dynamodb",
     lambda db, _: db.update_continuous_backups(
         TableName="read-back", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False})),
    ("Table.TimeToLiveSpecification", "dynamodb",
     lambda db, _: db.update_time_to_live(
         TableName="read-back", TimeToLiveSpecification={"AttributeName": "expires", "Enabled": False})),
    ("Table.StreamSpecification", "dynamodb",
     lambda db, _: db.update_table(TableName="read-back", StreamSpecification={"StreamEnabled": False})),
    ("Queue.VisibilityTimeout", "sqs",
     lambda sqs, it: sqs.set_queue_attributes(QueueUrl=it.resource("Queue"), Attributes={"VisibilityTimeout": "30"})),
    ("Topic.KmsMasterKeyId", "sns",
     lambda sns, it: sns.set_topic_attributes(
         TopicArn=it.resource("Topic"), AttributeName="KmsMasterKeyId", AttributeValue="")),
    ("Key.EnableKeyRotation", "kms", lambda kms, it: kms.disable_key_rotation(KeyId=it.resource("Key"))),
    ("Key.KeyPolicy", "kms",
     lambda kms, it: kms.put_key_policy(KeyId=it.resource("Key"), Policy=json.dumps(document("kms:Encrypt")))),
    ("Function.ReservedConcurrentExecutions", "lambda",
     lambda functions, _: functions.delete_function_concurrency(FunctionName="read-back")),
    ("Function.Timeout", "lambda",
     lambda functions, _: functions.update_function_configuration(FunctionName="read-back", Timeout=3)),
    ("Mapping.ScalingConfig", "lambda",
     lambda functions, it: functions.update_event_source_mapping(
         UUID=it.resource("Mapping"), ScalingConfig={"MaximumConcurrency": 2})),
    ("Log.RetentionInDays", "logs", lambda logs, _: logs.delete_retention_policy(logGroupName="/read/back")),
    ("Schedule.State", "events", lambda events, _: events.disable_rule(Name="read-back")),
    ("Schedule.Targets", "events", lambda events, _: events.remove_targets(Rule="read-back", Ids=["f"])),
    ("Trail.IsLogging", "cloudtrail", lambda trails, _: trails.stop_logging(Name="read-back")),
    ("Role.Policies", "iam",
     lambda iam, it: iam.delete_role_policy(RoleName=it.resource("Role"), PolicyName="rights")),
    ("Vpc.EnableDnsHostnames", "ec2",
     lambda ec2, it: ec2.modify_vpc_attribute(VpcId=it.resource("Vpc"), EnableDnsHostnames={"Value": False})),
]  # fmt: skip


def test_what_was_deployed_reads_back_and_every_lost_property_is_found(aws: EmbeddedAws, deployed: Deployment) -> None:
    found = read_back(aws, deployed)
    unproven = {f"{one.logical_id}.{one.property}" for one in found if one.verdict is Verdict.NOT_ECHOED}
    assert [str(one) for one in found if one.verdict is Verdict.DIFFERENT] == []
    assert unproven == {"Function.Code"}
    assert len(found) > 80

    lost = set()
    for name, service, lose in LOSSES:
        lose(aws.client(service, HOME), deployed)
        lost.add(name)
        assert different(aws, deployed) == lost, name
