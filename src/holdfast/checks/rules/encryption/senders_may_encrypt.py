"""ENC005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import Owner, admits, key_of
from holdfast.checks.rule import ResourceRule


class SendersMayEncrypt(ResourceRule):
    """Every AWS service that sends to an encrypted queue or topic can use its key.

    S3 notifications, EventBridge rules, SNS subscriptions and Backup notices fail silently otherwise.
    """

    id = "ENC005"
    resource_types = ("AWS::SQS::Queue", "AWS::SNS::Topic")
    remediation = (
        "Encrypt with your own key and let the sending service do kms:Decrypt and kms:GenerateDataKey* in the "
        "key's policy."
    )
    source = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at each service that has the queue or topic as its target."""
        use = key_of(resource)
        if use.owner is Owner.NONE:
            return
        for sender, service in sorted(_senders(resource), key=lambda pair: pair[1]):
            admitted = admits(use, service, ("kms:Decrypt", "kms:GenerateDataKey"))
            key = use.key.logical_id if use.key else "AWS's own key"
            message = f"{key} does not let {service} in, so what {sender.logical_id} sends is lost"
            yield from self.judged(resource, "KmsMasterKeyId", admitted, message)


def _senders(target: Resource) -> Iterator[tuple[Resource, str]]:
    seen = set()
    for other, path, _ in target.referrers:
        service = _service(other, [str(part) for part in path])
        if service and service not in seen:
            seen.add(service)
            yield other, service


def _service(other: Resource, path: list[str]) -> str | None:
    if other.type == "AWS::S3::Bucket" and path[0] == "NotificationConfiguration":
        return "s3.amazonaws.com"
    if other.type == "AWS::Events::Rule" and path[0] == "Targets" and path[-1] == "Arn":
        return "events.amazonaws.com"
    if other.type == "AWS::SNS::Subscription" and path == ["Endpoint"]:
        return "sns.amazonaws.com"
    if other.type == "AWS::SNS::Topic" and path[0] == "Subscription":
        return "sns.amazonaws.com"
    if other.type == "AWS::Backup::BackupVault" and path[0] == "Notifications":
        return "backup.amazonaws.com"
    return None
