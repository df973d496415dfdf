"""ALM005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list


class TopicHasSubscriber(ResourceRule):
    """Somebody is subscribed to the topic that alarms publish to."""

    id = "ALM005"
    resource_types = ("AWS::SNS::Topic",)
    remediation = "Add an AWS::SNS::Subscription (email, chat, queue) to the topic."
    source = "https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for subscriptions on the topic, of its own, or elsewhere in the system."""
        alarm = next((other for other, path, _ in resource.referrers if _announces(other, path)), None)
        if alarm is None:
            return
        inline = resource.get("Subscription")
        if isinstance(inline, Undecided):
            yield self.undecided(resource, "Subscription", inline)
        elif not as_list(inline) and not _subscribed(resource):
            yield self.violated(resource, "Subscription", f"nobody is subscribed: {alarm.logical_id} is told to no one")


def _announces(other: Resource, path: tuple[str | int, ...]) -> bool:
    if other.type in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        return True
    return other.type in ("AWS::RDS::EventSubscription", "AWS::Backup::BackupVault") and path[0] != "Tags"


def _subscribed(topic: Resource) -> bool:
    kinds = ("AWS::SNS::Subscription", "AWS::Chatbot::SlackChannelConfiguration")
    others = topic.system.resources("AWS::SNS::Subscription")
    return any(other.type in kinds for other, _, _ in topic.referrers) or any(
        other.system.find(other.get("TopicArn")) is topic for other in others
    )
