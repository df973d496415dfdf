"""A topic that alarms can really publish to."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct


class NoticeTopic(Construct):
    """An encrypted topic, TLS only, with one e-mail subscription each; CloudWatch alarms of this account may publish.

    `key` must let CloudWatch use it (`key.alarms_may_use`). A policy of its own replaces a topic's default one, so
    the alarms' right is written here; functions publish by their own roles' rights.
    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
    """

    def __init__(
        self, scope: Construct, id_: str, *, name: str, display_name: str, key: kms.IKey, emails: Sequence[str]
    ) -> None:
        super().__init__(scope, id_)
        self.topic = sns.Topic(
            self, "Topic", topic_name=name, display_name=display_name, master_key=key, enforce_ssl=True
        )
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowCloudWatchAlarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        for email in emails:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
