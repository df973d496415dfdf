"""FUN009."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import admitted_by_queue, admitted_by_topic
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule


class SenderPermitted(ResourceRule):
    """Whatever sends to a queue or topic is permitted to by its policy."""

    id = "FUN009"
    resource_types = ("AWS::SQS::Queue", "AWS::SNS::Topic")
    remediation = (
        "Add an AWS::SQS::QueuePolicy (AWS::SNS::TopicPolicy) that lets the service send, with the sender as "
        "aws:SourceArn."
    )
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at rules, buckets, subscriptions and vaults; a rule with a role needs no policy."""
        seen = set()
        for other, path, _ in resource.referrers:
            service = _service(resource, other, [str(part) for part in path])
            if service and service not in seen:
                seen.add(service)
                if resource.type == "AWS::SQS::Queue":
                    verdict = admitted_by_queue(resource, service)
                else:
                    verdict = admitted_by_topic(resource, service)
                message = f"no policy lets {service} in, so what {other.logical_id} sends never arrives"
                yield from self.judged(resource, "", verdict, message)


def _service(target: Resource, other: Resource, path: list[str]) -> str | None:
    if other.type == "AWS::Events::Rule" and path[0] == "Targets" and path[-1] == "Arn" and len(path) > 2:
        holder = other.get(".".join(path[:2]))
        return None if isinstance(holder, dict) and holder.get("RoleArn") is not None else "events.amazonaws.com"
    if other.type == "AWS::S3::Bucket" and path[0] == "NotificationConfiguration":
        return "s3.amazonaws.com"
    if other.type == "AWS::SNS::Subscription" and path == ["Endpoint"] and target.type == "AWS::SQS::Queue":
        return "sns.amazonaws.com"
    if other.type == "AWS::Backup::BackupVault" and path[0] == "Notifications":
        return "backup.amazonaws.com"
    return None
