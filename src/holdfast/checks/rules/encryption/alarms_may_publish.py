"""ENC001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import Owner, admits, key_of
from holdfast.checks.rule import ResourceRule


class AlarmsMayPublish(ResourceRule):
    """CloudWatch alarms can publish to an encrypted topic.

    The key of the topic must let cloudwatch.amazonaws.com use it; AWS's own alias/aws/sns never does.
    """

    id = "ENC001"
    resource_types = ("AWS::SNS::Topic",)
    remediation = (
        "Encrypt the topic with your own key whose policy allows cloudwatch.amazonaws.com kms:Decrypt and "
        "kms:GenerateDataKey*."
    )
    source = "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at topics that an alarm names as an action."""
        alarm = next((other for other, path, _ in resource.referrers if _acts(other, path)), None)
        use = key_of(resource)
        if alarm is None or use.owner is Owner.NONE:
            return
        if use.owner is Owner.AWS:
            message = f"alias/aws/sns does not let CloudWatch in, so {alarm.logical_id} never reaches anybody"
            yield self.violated(resource, "KmsMasterKeyId", message)
            return
        admitted = admits(use, "cloudwatch.amazonaws.com", ("kms:Decrypt", "kms:GenerateDataKey"))
        key = use.key.logical_id if use.key else "the key"
        message = f"the policy of {key} does not let cloudwatch.amazonaws.com in: {alarm.logical_id} reaches nobody"
        yield from self.judged(resource, "KmsMasterKeyId", admitted, message)


def _acts(other: Resource, path: tuple[str | int, ...]) -> bool:
    return other.type in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm") and path[0] in _ACTIONS


_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
