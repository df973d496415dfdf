"""A rule that invokes a function at set times."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct


class Timetable(Construct):
    """An enabled rule; an event that cannot be delivered within an hour and three retries goes to `dead_letters`."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        description: str,
        expression: str,
        function: lambda_.IFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        self.rule = events.Rule(
            self,
            "Rule",
            rule_name=name,
            description=description,
            schedule=events.Schedule.expression(expression),
            enabled=True,
        )
        self.rule.add_target(
            targets.LambdaFunction(
                function, max_event_age=Duration.hours(1), retry_attempts=3, dead_letter_queue=dead_letters
            )
        )
