"""What the first region's stack tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput

from holdfast.platforms.backup_system.names import REPOSITORY_PREFIX
from holdfast.settings import variables as var

if TYPE_CHECKING:
    from holdfast.platforms.backup_system.primary import PrimaryStack


def build_outputs(stack: PrimaryStack) -> None:
    """Tell where everything is; the names that other stacks import are exported."""
    exported = {
        "BackupBucketName": ("BackupBucket", stack.primary.bucket.bucket_name),
        "ReplicationBucketName": ("ReplicationBucket", stack.names.replica_bucket),
        "EncryptionKeyId": ("EncryptionKey", stack.key.key_id),
        "MetadataTableName": ("MetadataTable", stack.metadata.table_name),
        "DeduplicationTableName": ("DeduplicationTable", stack.deduplication.table_name),
        "NotificationTopicArn": ("NotificationTopic", stack.topic.topic_arn),
        "BackupQueueUrl": ("BackupQueue", stack.queue.queue_url),
    }
    for name, (export, value) in exported.items():
        CfnOutput(stack, name, value=value, export_name=f"{stack.stack_name}-{export}")
    console = f"https://{stack.region}.console.aws.amazon.com/cloudwatch/home?region={stack.region}"
    plain = {
        "DashboardURL": f"{console}#dashboards:name={stack.names.dashboard}",
        "SystemCapabilities": stack.to_json_string(dict(stack.form.capabilities)),
        "ReplicationRegion": stack.settings.replica_region,
        "RepositoryUri": f"s3://{stack.primary.bucket.bucket_name}/{REPOSITORY_PREFIX}",
        "SourceBucketName": stack.names.source_bucket,
        "RestoreBucketName": stack.restored.bucket.bucket_name,
        "DeadLetterQueueUrl": stack.dead_letters.queue_url,
        "InitiatorFunctionName": stack.initiator.function.function_name,
        "RestoreFunctionName": stack.restore.function.function_name,
        "VerifyFunctionName": stack.verify.function.function_name,
        "PruneFunctionName": stack.prune.function.function_name,
    }
    if stack.form.deduplication_key != var.USUAL_DEDUPLICATION_KEY:
        plain["DeduplicationKeyAttribute"] = stack.form.deduplication_key
    for name, value in plain.items():
        CfnOutput(stack, name, value=value)
