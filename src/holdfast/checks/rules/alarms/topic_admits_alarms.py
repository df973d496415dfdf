"""ALM007."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import Statement, allowed, knowable, statements
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_list


class TopicAdmitsAlarms(ResourceRule):
    """A topic's own policy lets CloudWatch publish.

    A topic without a policy of its own lets the owner's account publish, alarms included; a written one replaces
    that.
    """

    id = "ALM007"
    resource_types = ("AWS::SNS::TopicPolicy",)
    remediation = "Allow cloudwatch.amazonaws.com sns:Publish in the topic policy."
    source = "https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at written policies of topics that alarms publish to."""
        topics = [resource.system.find(value, "AWS::SNS::Topic") for value in as_list(resource.get("Topics"))]
        for topic in topics:
            alarm = (
                next((o for o, _, _ in topic.referrers if o.type == "AWS::CloudWatch::Alarm"), None) if topic else None
            )
            if topic is None or alarm is None:
                continue
            yield from self._judge(resource, topic, alarm)

    def _judge(self, policy: Resource, topic: Resource, alarm: Resource) -> Iterator[Finding]:
        others = [o for o, p, _ in topic.referrers if o.type == "AWS::SNS::TopicPolicy" and p[0] == "Topics"]
        found = [s for other in others for s in statements(other.get("PolicyDocument"))]
        if any(s.allows and s.covers("sns:Publish") is True and _own_account(s) for s in found):
            return
        verdict = allowed(found, "cloudwatch.amazonaws.com", ("sns:Publish",))
        unknown = knowable(policy.get("PolicyDocument"))
        message = (
            f"the policy of {topic.logical_id} does not let CloudWatch publish, so {alarm.logical_id} reaches nobody"
        )
        yield from self.judged(policy, "PolicyDocument", unknown if verdict is False and unknown else verdict, message)


def _own_account(statement: Statement) -> bool:
    return statement.open_to_all and {"aws:sourceowner", "aws:sourceaccount"} & set(statement.condition_keys()) != set()
